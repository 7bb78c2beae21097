"""Colour spaces against scikit-image and the package ssimulacra2."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.color import rgb2lab, rgb2xyz
from ssimulacra2.ssimulacra2 import linear_rgb_to_xyb

from faceveil.ops.srgb import RGB_TO_XYZ, lab, linear, mixed, xyb, xyz_matrix


@pytest.fixture
def colours() -> torch.Tensor:
    """Colours of all kinds, the darkest among them: 1 3 100 100."""
    draw = torch.Generator().manual_seed(0)
    return torch.rand(1, 3, 100, 100, dtype=torch.float64, generator=draw) ** 3


def hwc(image: torch.Tensor) -> np.ndarray:
    return image[0].permute(1, 2, 0).numpy()


def test_xyz_and_lab_are_scikit_images_to_the_digits_of_its_matrix(colours: torch.Tensor) -> None:
    xyz = mixed(linear(colours), torch.tensor(RGB_TO_XYZ, dtype=torch.float64))
    np.testing.assert_allclose(hwc(xyz), rgb2xyz(hwc(colours)), atol=2e-4)
    np.testing.assert_allclose(hwc(lab(linear(colours))), rgb2lab(hwc(colours)), atol=0.02)


def test_greys_have_no_colour() -> None:
    greys = torch.linspace(0, 1, 50, dtype=torch.float64).expand(1, 3, 1, 50)
    lightness, a, b = lab(linear(greys)).unbind(1)
    assert torch.equal(lightness, lightness.sort().values)
    torch.testing.assert_close(lightness[0, 0, [0, -1]], torch.tensor([0.0, 100.0]).double())
    assert torch.cat([a, b]).abs().max() < 1e-10
    white = torch.ones(1, 3, 1, 1)
    torch.testing.assert_close(mixed(white, xyz_matrix(white)), white)


def test_xyb_is_that_of_ssimulacra2(colours: torch.Tensor) -> None:
    ours = hwc(xyb(linear(colours)))
    # The package exchanges rows and columns.
    theirs = linear_rgb_to_xyb(hwc(linear(colours))).swapaxes(0, 1)
    np.testing.assert_allclose(ours, theirs, atol=1e-12)


@pytest.mark.parametrize("space", [lab, xyb])
def test_gradients_are_right_and_finite_at_black_and_white(space) -> None:  # type: ignore[no-untyped-def]
    draw = torch.Generator().manual_seed(0)
    colours = torch.rand(1, 3, 2, 4, dtype=torch.float64, generator=draw).requires_grad_()
    assert torch.autograd.gradcheck(lambda x: space(linear(x)), (colours,))
    for value in (-0.1, 0.0, 1.0, 1.1):
        flat = torch.full((1, 3, 1, 1), value, requires_grad=True)
        space(linear(flat)).sum().backward()
        assert torch.isfinite(flat.grad).all()
