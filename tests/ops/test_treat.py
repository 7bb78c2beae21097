"""Treatments against what real software does."""

from __future__ import annotations

from io import BytesIO

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage

from faceveil.ops import treat


@pytest.fixture
def pixels(portrait: NDArray[np.uint8]) -> torch.Tensor:
    return torch.from_numpy(portrait[60:172, 170:282].copy()).permute(2, 0, 1)[None] / 255


def test_blur_is_scipys(pixels: torch.Tensor) -> None:
    ours = treat.blur(pixels, [1.7])[0].numpy()
    theirs = ndimage.gaussian_filter(pixels[0].numpy(), (0, 1.7, 1.7), mode="reflect", radius=6)
    np.testing.assert_allclose(ours, theirs, atol=1e-5)


def test_each_photo_has_its_own_treatment(pixels: torch.Tensor) -> None:
    pair = pixels.repeat(2, 1, 1, 1)
    for treated in (
        treat.blur(pair, [0.0, 2.0]),
        treat.rescale(pair, [1.0, 0.5]),
        treat.jpeg(pair, [99.0, 20.0]),
    ):
        first, second = ((one - pixels[0]).abs().mean() for one in treated)
        assert first < 0.01 < second


def test_jpeg_is_close_to_pillows(pixels: torch.Tensor) -> None:
    image = Image.fromarray((pixels[0].permute(1, 2, 0).numpy() * 255).astype(np.uint8))
    stream = BytesIO()
    image.save(stream, "JPEG", quality=60)
    theirs = torch.from_numpy(np.array(Image.open(stream))).permute(2, 0, 1) / 255
    ours = treat.jpeg(pixels, [60.0])[0]
    assert (ours - theirs).abs().mean() < 0.35 * (theirs - pixels[0]).abs().mean()


def test_sizes_that_are_no_multiple_of_sixteen_are_kept() -> None:
    odd = torch.rand(1, 3, 37, 51)
    assert treat.jpeg(odd, [80.0]).shape == odd.shape
    assert treat.rescale(odd, [0.3]).shape == odd.shape


@pytest.mark.parametrize("name", ["rescale", "blur", "jpeg"])
def test_gradients_flow(name: str, pixels: torch.Tensor) -> None:
    amount = {"rescale": 0.5, "blur": 1.0, "jpeg": 75.0}[name]
    x = pixels.clone().requires_grad_()
    getattr(treat, name)(x, [amount]).square().sum().backward()
    assert x.grad is not None
    assert x.grad.abs().mean() > 0.01
