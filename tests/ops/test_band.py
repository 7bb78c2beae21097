"""Banded matrices against scipy's filters."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import ndimage

from faceveil.ops.band import band, filtered, gaussian

MODES = {"zero": "constant", "mirror": "reflect", "repeat": "nearest"}
KERNEL = torch.tensor([0.1, -0.3, 0.5, 0.9, 0.2], dtype=torch.float64)


def rows(pixels: torch.Tensor, edge: str) -> torch.Tensor:
    height, width = pixels.shape[-2:]
    identity = band(torch.ones(1, dtype=pixels.dtype), height, "zero")
    return filtered(pixels, identity, band(KERNEL.to(pixels), width, edge))


@pytest.mark.parametrize("edge", MODES)
@pytest.mark.parametrize("n", [1, 2, 3, 63, 64, 65, 66, 150])
def test_it_is_scipys_correlation(edge: str, n: int) -> None:
    pixels = torch.rand(2, 3, 7, n, dtype=torch.float64)
    expected = ndimage.correlate1d(pixels.numpy(), KERNEL.numpy(), axis=3, mode=MODES[edge])
    np.testing.assert_allclose(rows(pixels, edge).numpy(), expected, atol=1e-12)


def test_columns_and_rows_have_their_own_filters() -> None:
    pixels = torch.rand(2, 70, 90, dtype=torch.float64)
    down, across = band(gaussian(2.0, 6), 70, "mirror"), band(gaussian(1.0, 3), 90, "mirror")
    expected = ndimage.gaussian_filter(pixels.numpy(), (0, 2, 1), radius=(0, 6, 3))
    np.testing.assert_allclose(filtered(pixels, down, across).numpy(), expected, atol=1e-12)


def test_channels_have_their_own_kernels() -> None:
    pixels = torch.rand(2, 3, 9, 80, dtype=torch.float64)
    kernels = torch.rand(3, 5, dtype=torch.float64)
    together = filtered(pixels, band(kernels, 9, "repeat"), band(kernels, 80, "zero"))
    for channel, kernel in enumerate(kernels):
        alone = filtered(pixels[:, channel], band(kernel, 9, "repeat"), band(kernel, 80, "zero"))
        torch.testing.assert_close(together[:, channel], alone)


def test_gradients() -> None:
    pixels = torch.rand(1, 2, 5, 67, dtype=torch.float64, requires_grad=True)
    down, across = band(KERNEL, 5, "mirror"), band(KERNEL, 67, "repeat")

    def squares(x: torch.Tensor) -> torch.Tensor:
        return filtered(x, down, across).square().sum((2, 3))

    assert torch.autograd.gradcheck(squares, (pixels,))
    assert torch.autograd.gradgradcheck(squares, (pixels,), fast_mode=True)
