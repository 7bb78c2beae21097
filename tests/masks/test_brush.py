"""Flows move what is there, paint adds to it, and both can be followed back."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from faceveil.masks.brush import Brush
from faceveil.masks.limits import length

SIZE_PX = 48


@pytest.fixture
def brush() -> Brush:
    generator = torch.Generator().manual_seed(0)
    pixels = torch.rand(2, 3, SIZE_PX, SIZE_PX, generator=generator)
    pixels[..., SIZE_PX // 2 :] = 0.5
    weights = torch.rand(2, 1, SIZE_PX, SIZE_PX, generator=generator)
    return Brush(pixels, weights, [8.0, 8.0], [2.0, 2.0], [1.0, 1.0], colour=0.5)


def free(scale: float = 0.1) -> torch.Tensor:
    generator = torch.Generator().manual_seed(1)
    return scale * torch.randn(2, 5, SIZE_PX, SIZE_PX, generator=generator)


def only(free: torch.Tensor, channels: slice) -> torch.Tensor:
    kept = torch.zeros_like(free)
    kept[:, channels] = free[:, channels]
    return kept


def test_nothing_makes_nothing(brush: Brush) -> None:
    start = brush.start(torch.zeros(2, 3, SIZE_PX, SIZE_PX))
    torch.testing.assert_close(brush(start), torch.zeros(2, 3, SIZE_PX, SIZE_PX), atol=1e-5, rtol=0)


def test_a_flow_leaves_smooth_places_alone(brush: Brush) -> None:
    mask = brush(only(free(), slice(0, 2)))
    inside_the_flat_half = mask[..., SIZE_PX // 2 + 4 :]
    assert inside_the_flat_half.abs().max() < 1e-5
    assert mask[..., : SIZE_PX // 2].abs().max() > 0.05


def test_a_flow_of_the_same_everywhere_is_a_shift(brush: Brush) -> None:
    moved = torch.zeros(2, 5, SIZE_PX, SIZE_PX)
    moved[:, 0] = 3 / 8
    veiled = brush.pixels + brush(moved)
    inside = slice(8, SIZE_PX - 8)
    torch.testing.assert_close(
        veiled[..., inside], brush.pixels[..., 11 : SIZE_PX - 5], atol=1e-4, rtol=0
    )


def test_paint_lies_where_its_weights_are_and_loses_colour(brush: Brush) -> None:
    paint = only(free(), slice(2, 5))
    weights = torch.zeros_like(brush.weights)
    weights[..., :10, :] = 1
    mask = dataclasses.replace(brush, weights=weights)(paint)
    assert (mask[..., 10:, :].abs() < 1e-5).all()
    assert mask[..., :10, :].abs().max() > 0.01
    grey = dataclasses.replace(brush, colour=0.0)(paint)
    torch.testing.assert_close(grey, grey.mean(1, keepdim=True).expand_as(grey))


def test_no_flow_is_paint_alone(brush: Brush) -> None:
    still = dataclasses.replace(brush, scales=[0.0, 0.0])
    torch.testing.assert_close(still(free()), brush(only(free(), slice(2, 5))), atol=1e-5, rtol=0)


def test_back_is_the_transpose_of_the_derivative(brush: Brush) -> None:
    brush = dataclasses.replace(brush, pixels=brush.pixels.double(), weights=brush.weights.double())
    here, way = free().double(), free(1.0).double().flip(1)
    push = torch.randn(2, 3, SIZE_PX, SIZE_PX, generator=torch.Generator().manual_seed(2)).double()
    tiny = 1e-6
    forward = (brush(here + tiny * way) - brush(here - tiny * way)) / (2 * tiny)
    torch.testing.assert_close(
        (forward * push).sum(), (way * brush.back(here, push)).sum(), rtol=1e-4, atol=0
    )


def test_a_step_changes_each_mask_by_the_stride(brush: Brush) -> None:
    way = free()
    way[1] *= 50
    stride = 0.3
    step = brush.step(free(0.01), way, stride)
    change = length(brush(free(0.01) + step) - brush(free(0.01)))
    torch.testing.assert_close(change, torch.full_like(change, stride), rtol=0.15, atol=0)
