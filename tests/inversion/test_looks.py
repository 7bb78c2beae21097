"""Blur, total variation and views, each against its definition."""

from __future__ import annotations

import pytest
import torch

from faceveil.inversion.looks import reframed, smooth, smoother, total_variation


def pictures(n: int = 2, side: int = 20) -> torch.Tensor:
    return torch.rand(n, 3, side, side, generator=torch.Generator().manual_seed(0))


def test_total_variation_counts_steps_between_neighbours() -> None:
    flat, steps = torch.full((1, 1, 4, 4), 0.3), torch.zeros(1, 1, 4, 4)
    steps[..., 2:] = 1.0
    assert total_variation(torch.cat((flat, steps))).tolist() == pytest.approx([0, 1 / 3])


@pytest.mark.parametrize("sigma", [0.1, 1.0, 8.0])
def test_smoothing_keeps_the_mean_and_loses_detail(sigma: float) -> None:
    images = pictures()
    blurred = smooth(images, smoother(sigma, 20))
    torch.testing.assert_close(blurred.mean((2, 3)), images.mean((2, 3)), atol=1e-2, rtol=0)
    assert total_variation(blurred).max() <= total_variation(images).max()
    free = images.clone().requires_grad_()
    smooth(free, smoother(sigma, 20)).sum().backward()  # type: ignore[no-untyped-call]
    assert free.grad is not None


def test_views_are_small_moves_of_the_same_picture() -> None:
    face = smooth(pictures(1, 40), smoother(3.0, 40)).expand(64, -1, -1, -1)
    views = reframed(face, 0.02, torch.Generator().manual_seed(1))
    again = reframed(face, 0.02, torch.Generator().manual_seed(1))
    assert torch.equal(views, again)
    inner = (slice(None), slice(None), slice(6, -6), slice(6, -6))
    straight = (views - face)[inner].abs().flatten(1).mean(1)
    mirrored = (views - face.flip(3))[inner].abs().flatten(1).mean(1)
    assert torch.minimum(straight, mirrored).max() < 0.03
    assert 20 < (mirrored < straight).sum() < 44
    still = reframed(face, 0.0, torch.Generator().manual_seed(1))
    nearest = torch.minimum(
        (still - face).abs().flatten(1).amax(1), (still - face.flip(3)).abs().flatten(1).amax(1)
    )
    assert nearest.max() < 1e-3
