"""Busy places hide a change, smooth ones and the smooth sides of edges do not."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter, minimum_filter

from faceveil.measures.texture import softness, texture
from faceveil.ops.treat import blur

SIDE = 64


def scene() -> torch.Tensor:
    """Noise on the left, then smooth grey, then, behind an edge, smooth white."""
    noise = torch.rand(3, SIDE, SIDE, generator=torch.Generator().manual_seed(0))
    noise[..., 24:] = 0.3
    noise[..., 48:] = 1.0
    return noise[None]


def test_it_is_the_definition() -> None:
    pixels = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(1)).double()
    luma = np.tensordot((0.299, 0.587, 0.114), pixels[0].numpy(), axes=1)
    luma -= gaussian_filter(luma, 1.2, radius=4)
    mean = gaussian_filter(luma, 1.5, radius=5)
    variance = gaussian_filter(luma**2, 1.5, radius=5) - mean**2
    calmest = minimum_filter(np.sqrt(variance), size=9, mode="nearest")
    inside = slice(16, -16)
    expected = gaussian_filter(calmest, 2.0, radius=6)[inside, inside]
    assert np.abs(texture(pixels, [1.2])[0, 0].numpy()[inside, inside] - expected).max() < 1e-6


def test_noise_is_busy_and_both_sides_of_an_edge_are_calm() -> None:
    busy = texture(scene(), [1.0])[0, 0]
    assert busy[:, 4:14].mean() > 0.1
    assert busy[8:-8, 38:42].max() < 1e-3
    assert busy[8:-8, 54:58].max() < 1e-3


@pytest.mark.parametrize("level", [0.0, 0.5, 1.0])
def test_a_flat_picture_has_none(level: float) -> None:
    assert texture(torch.full((2, 3, 20, 30), level), [1.0, 2.0]).max() < 1e-3


def test_soft_edges_are_calm_however_high() -> None:
    sharp = torch.zeros(1, 3, SIDE, SIDE)
    sharp[..., ::8] = 1.0
    wide = torch.zeros_like(sharp)
    wide[..., ::32] = wide[..., 1::32] = 1.0
    soft = blur(wide, [6.0])
    soft = soft / soft.max()
    assert soft.std() > 0.8 * sharp.std()
    assert texture(soft, [1.0]).mean() < 0.02 * texture(sharp, [1.0]).mean()


@pytest.mark.parametrize("edge_px", [2.5, 4.0, 6.0])
def test_the_softness_of_an_edge_follows_from_its_blur(edge_px: float) -> None:
    step = np.zeros((96, 96))
    step[:, 48:] = 1
    edge = torch.from_numpy(gaussian_filter(step, (0, edge_px))).expand(1, 3, -1, -1)
    everywhere = torch.ones(1, 1, 96, 96, dtype=torch.bool)
    expected = ((edge_px**2 + 0.25 * 2**2) / (edge_px**2 + 1.25 * 2**2)) ** 0.5
    assert float(softness(edge, everywhere, [2.0])) == pytest.approx(expected, rel=0.02)


def test_softness_is_of_the_pixels_asked_about() -> None:
    pixels = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2))
    pixels[..., 32:] = blur(pixels[..., 32:], [4.0])
    left = torch.zeros(1, 1, SIDE, SIDE, dtype=torch.bool)
    left[..., 8:24] = True
    sharp, soft = (float(softness(pixels, where, [1.5])) for where in (left, left.flip(-1)))
    assert sharp < 0.4
    assert soft > 0.8
