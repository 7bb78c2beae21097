"""Hybrid masks are strong where recognisers look, and keep the limits."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from faceveil.core import seeds
from faceveil.core.goal import Dodge
from faceveil.masks.hybrid import Hybrid
from faceveil.masks.problem import Problem
from faceveil.masks.sensitivity import laid, sensitivities


@pytest.fixture
def dodging(problem: Problem) -> Problem:
    return dataclasses.replace(
        problem, goal=Dodge(), budget=Hybrid.default_budget, generators=[seeds.generator(5)]
    )


def test_masks_are_strong_where_recognisers_look(dodging: Problem) -> None:
    by_recogniser = sensitivities(dodging.surrogates, dodging.pixels, dodging.landmarks)
    minded = torch.stack(list(by_recogniser.values())).mean(0)
    ranks = minded.flatten(1).argsort(1).argsort(1).view_as(minded) / (minded[0].numel() - 1)
    most, least = (
        laid(cells.float(), dodging.landmarks, dodging.pixels.shape[-1])[0, 0]
        for cells in (ranks > 0.8, ranks < 0.2)
    )
    mask = Hybrid(steps=4).masks(dodging)[0].abs().mean(0)
    strength = [float((mask * where).sum() / where.sum()) for where in (most, least)]
    assert strength[0] > 1.5 * strength[1]


def test_it_leads_away_and_keeps_its_limits(dodging: Problem) -> None:
    mask = Hybrid(steps=8).masks(dodging)
    flip, ssimulacra2 = (float(slack(mask)) for slack in dodging.limits)
    assert flip > -0.002
    assert ssimulacra2 > -2
    seen = dodging.embed(mask)
    for name, embedding in seen.items():
        assert float((embedding * dodging.source[name]).sum()) < 0.99
