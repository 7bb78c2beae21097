"""Flows move what is there, paint adds to it, and both can be followed back."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from faceveil.masks.brush import Brush, FlowAndPaint, LightAndPaint, muted

SIZE_PX = 48


@pytest.fixture
def brush() -> FlowAndPaint:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(2, 3, SIZE_PX, SIZE_PX, generator=generator)
    pixels[..., SIZE_PX // 2 :] = 0.5
    weights = torch.rand(2, 1, SIZE_PX, SIZE_PX, generator=generator)
    return FlowAndPaint(pixels, weights, [8.0, 8.0], [2.0, 2.0], [1.0, 1.0], colour=0.5)


def free(scale: float = 0.1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return scale * torch.randn(2, 5, SIZE_PX, SIZE_PX, generator=generator)


def only(free: torch.Tensor, channels: slice) -> torch.Tensor:
    kept = torch.zeros_like(free)
    kept[:, channels] = free[:, channels]
    return kept


def test_nothing_makes_nothing(brush: FlowAndPaint) -> None:
    start = brush.start(torch.zeros(2, 3, SIZE_PX, SIZE_PX))
    torch.testing.assert_close(brush(start), torch.zeros(2, 3, SIZE_PX, SIZE_PX), atol=1e-5, rtol=0)


def test_a_flow_leaves_smooth_places_alone(brush: FlowAndPaint) -> None:
    mask = brush(only(free(), slice(0, 2)))
    inside_the_flat_half = mask[..., SIZE_PX // 2 + 4 :]
    assert inside_the_flat_half.abs().max() < 1e-5
    assert mask[..., : SIZE_PX // 2].abs().max() > 0.05


def test_a_flow_of_the_same_everywhere_is_a_shift(brush: FlowAndPaint) -> None:
    moved = torch.zeros(2, 5, SIZE_PX, SIZE_PX)
    moved[:, 0] = 3 / 8
    veiled = brush.pixels + brush(moved)
    inside = slice(8, SIZE_PX - 8)
    torch.testing.assert_close(
        veiled[..., inside], brush.pixels[..., 11 : SIZE_PX - 5], atol=1e-4, rtol=0
    )


def test_paint_lies_where_its_weights_are_and_loses_colour(brush: FlowAndPaint) -> None:
    paint = only(free(), slice(2, 5))
    weights = torch.zeros_like(brush.weights)
    weights[..., :10, :] = 1
    mask = dataclasses.replace(brush, weights=weights)(paint)
    assert (mask[..., 10:, :].abs() < 1e-5).all()
    assert mask[..., :10, :].abs().max() > 0.01
    grey = dataclasses.replace(brush, colour=0.0)(paint)
    torch.testing.assert_close(grey, grey.mean(1, keepdim=True).expand_as(grey))


def test_no_flow_is_paint_alone(brush: FlowAndPaint) -> None:
    still = dataclasses.replace(brush, scales=[0.0, 0.0])
    torch.testing.assert_close(still(free()), brush(only(free(), slice(2, 5))), atol=1e-5, rtol=0)


@pytest.fixture(params=["flow", "light"])
def either(request: pytest.FixtureRequest, brush: FlowAndPaint) -> Brush:
    if request.param == "flow":
        return brush
    return LightAndPaint(brush.pixels, brush.weights, 0.6, [4.0, 4.0], [1.0, 1.0])


def like(brush: Brush, scale: float, seed: int = 1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return scale * torch.randn(2, 3 + brush.n_others, SIZE_PX, SIZE_PX, generator=generator)


def test_masks_can_be_followed_back(either: Brush) -> None:
    here, way = like(either, 0.1).requires_grad_(), like(either, 1.0, seed=3)
    push = torch.randn(2, 3, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(2))
    (back,) = torch.autograd.grad(either(here), here, push)
    tiny = 1e-3
    forward = (either(here + tiny * way) - either(here - tiny * way)) / (2 * tiny)
    torch.testing.assert_close((forward * push).sum(), (way * back).sum(), rtol=2e-2, atol=0)


def test_muted_keeps_the_mean_and_a_share_of_the_colour() -> None:
    paint = torch.rand(1, 3, 4, 4)
    torch.testing.assert_close(muted(paint, 0.3).mean(1), paint.mean(1))
    torch.testing.assert_close(muted(paint, 1.0), paint)
    difference = muted(paint, 0.3)[:, 0] - muted(paint, 0.3)[:, 1]
    torch.testing.assert_close(difference, 0.3 * (paint[:, 0] - paint[:, 1]))


def test_light_multiplies_and_strengths_bound_where() -> None:
    pixels = torch.full((1, 3, SIZE_PX, SIZE_PX), 0.5)
    strengths = torch.ones(1, 1, SIZE_PX, SIZE_PX)
    strengths[..., :10, :] = 0
    brush = LightAndPaint(pixels, strengths, 0.25, [2.0], [0.0])
    free = torch.zeros(1, 6, SIZE_PX, SIZE_PX)
    free[:, :3] = 0.1
    mask = brush(free)
    assert (mask[..., :10, :] == 0).all()
    expected = 0.75 * 0.5 * (torch.tensor(0.2).exp() - 1)
    torch.testing.assert_close(mask[..., 10:, :], expected.expand_as(mask[..., 10:, :]))
    free = torch.zeros(1, 6, SIZE_PX, SIZE_PX)
    free[:, 3:] = 0.4
    torch.testing.assert_close(
        brush(free)[..., 10:, :], torch.full((1, 3, SIZE_PX - 10, SIZE_PX), 0.1)
    )
