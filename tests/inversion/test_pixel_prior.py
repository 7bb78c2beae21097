"""Each term of the pixel prior pulls its own way."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from faceveil.inversion.looks import total_variation
from faceveil.inversion.pixel_prior import FIRST_LAYER, PixelPrior, unusual
from faceveil.inversion.problem import Problem
from faceveil.inversion.stage import Stage
from faceveil.inversion.watch import watched

Pose = Callable[..., Problem]


def quick(**fields: float) -> PixelPrior:
    return PixelPrior(**{"steps": 30, "searches": 2, **fields})  # type: ignore[arg-type]


def test_it_finds_what_is_taken_for_the_person(pose: Pose, scene: Stage) -> None:
    attack = quick()
    for label, person in enumerate(scene.victim.people):
        found = attack(pose(attack, person))
        assert scene.victim.labels(found.images[:1]).item() == label


def test_total_variation_and_l2_smooth(pose: Pose, scene: Stage) -> None:
    rough, smooth = quick(tv=0.0, blur_px=0.1), quick(tv=200.0, blur_px=0.1)
    variation = [
        total_variation(attack(pose(attack, "p0")).images).mean() for attack in (rough, smooth)
    ]
    assert variation[1] < variation[0] / 2
    near = quick(l2=1e4, tv=0.0, steps=100)(pose(quick(), "p0")).images
    mean = scene.public.photos.mean(0, keepdim=True)
    assert (near - mean).abs().mean() < 0.05


def test_statistics_come_nearer_to_those_of_training(pose: Pose, scene: Stage) -> None:
    distances = []
    for weight in (0.0, 100.0):
        attack = quick(batch_norm=weight, jitter=0.0, steps=60)
        images = attack(pose(attack, "p1")).images
        with watched(scene.victim.batch_norms) as layers:
            scene.victim.embed(images)
        distances.append(unusual(layers).item())
    assert distances[1] < distances[0]


def test_what_a_layer_expects_is_at_no_distance_and_the_first_weighs_more() -> None:
    maps = torch.randn(4, 3, 5, 5, generator=torch.Generator().manual_seed(0))
    layers = nn.Sequential(nn.BatchNorm2d(3), nn.BatchNorm2d(3)).eval()
    first, second = (layer for layer in layers if isinstance(layer, nn.BatchNorm2d))
    for layer in (first, second):
        layer.running_mean = maps.mean((0, 2, 3))
        layer.running_var = maps.var((0, 2, 3), correction=0)
    with watched([first]) as seen:
        first(maps)
        assert unusual(seen) == pytest.approx(0, abs=1e-5)
        seen.clear()
        first(maps + 1)
        first(maps + 1)
    ahead = unusual(seen[:1]).item()
    assert ahead == pytest.approx(FIRST_LAYER * 3**0.5, rel=1e-4)
    assert unusual(seen).item() == pytest.approx(ahead * (1 + 1 / FIRST_LAYER), rel=1e-4)
