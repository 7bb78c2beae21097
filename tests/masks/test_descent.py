"""Steps are as long as asked, and follow the limits they meet."""

from __future__ import annotations

import dataclasses

import pytest

from faceveil.core import seeds
from faceveil.core.budget import Budget
from faceveil.core.goal import Dodge
from faceveil.masks import descent
from faceveil.masks.descent import Descent
from faceveil.masks.hybrid import Hybrid
from faceveil.masks.problem import Problem
from faceveil.masks.veil import Veil

KINDS = pytest.mark.parametrize("kind", [Veil, Hybrid])


def posed(problem: Problem, budget: Budget) -> Problem:
    return dataclasses.replace(
        problem, goal=Dodge(), budget=budget, generators=[seeds.generator(5)]
    )


@KINDS
def test_a_step_changes_the_mask_by_alpha(problem: Problem, kind: type[Descent]) -> None:
    unbounded = Budget(eps=64.0)
    whisper = posed(problem, unbounded)
    start = kind().brush(whisper)
    before = start(start.start(whisper.nudge()))
    after = kind(steps=1, alpha=2.0).masks(posed(problem, unbounded))
    change = float((after - before).square().mean().sqrt())
    assert change == pytest.approx(2 / 255, rel=0.15)


@KINDS
def test_what_is_seen_stays_near_the_limit(problem: Problem, kind: type[Descent]) -> None:
    one = posed(problem, Budget(eps=64.0, flip=0.02))
    mask = kind(steps=8, alpha=1.0, settling=12).masks(one)
    (flip,) = (float(slack(mask)) for slack in one.limits)
    assert -0.001 < flip < 0.004


def test_a_face_far_from_its_limits_returns_until_it_is_near(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    def beyond(patience: int) -> float:
        monkeypatch.setattr(descent, "PATIENCE", patience)
        one = posed(problem, Budget(eps=64.0, ssimulacra2=70.0))
        mask = Hybrid(steps=6, alpha=2.0, settling=2).masks(one)
        return -float(one.limits[0](mask))

    hasty, patient = beyond(1), beyond(4)
    assert hasty > 10
    assert patient < 0.6 * hasty
