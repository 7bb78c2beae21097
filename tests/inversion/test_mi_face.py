"""MIFace climbs, keeps its best, and stops when it no longer gets anywhere."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from faceveil.inversion.mi_face import MiFace
from faceveil.inversion.problem import Problem
from faceveil.inversion.stage import Stage

Pose = Callable[..., Problem]


def test_confidence_rises_over_the_steps(pose: Pose, scene: Stage) -> None:
    starts = scene.victim.probabilities(scene.public.photos.mean(0, keepdim=True))[0]
    start, label = starts.min(0)
    person = scene.victim.people[int(label)]
    confidences = [
        MiFace(steps=steps)(pose(MiFace(), person)).confidence.item() for steps in (1, 3, 10, 30)
    ]
    assert confidences[0] == pytest.approx(start.item(), abs=1e-5)
    assert confidences == sorted(confidences)
    assert confidences[-1] > 0.9 > confidences[0]


def test_the_confidence_is_that_of_what_is_given(pose: Pose, scene: Stage) -> None:
    found = MiFace(steps=20)(pose(MiFace(), "p2"))
    assert scene.victim.probabilities(found.images)[0, 2].item() == pytest.approx(
        found.confidence.item(), abs=0.05
    )


def test_the_best_is_kept_where_steps_lead_away(pose: Pose) -> None:
    wild = MiFace(steps=40, lr=0.5, enough=0.0)
    calm = replace(wild, steps=1)
    assert wild(pose(wild, "p0")).confidence >= calm(pose(calm, "p0")).confidence


def test_it_stops_when_the_cost_has_not_fallen_over_a_window(
    pose: Pose, monkeypatch: pytest.MonkeyPatch, scene: Stage
) -> None:
    person = scene.victim.people[int(scene.victim.probabilities(scene.public.photos)[0].argmin())]
    asked = 0
    logits = type(scene.victim).logits

    def counted(self: object, images: torch.Tensor) -> torch.Tensor:
        nonlocal asked
        asked += 1
        return logits(scene.victim, images)

    monkeypatch.setattr(type(scene.victim), "logits", counted)
    MiFace(steps=200, lr=1e-9, window=5, enough=0.0)(pose(MiFace(), person))
    assert 5 < asked < 50
    asked = 0
    MiFace(steps=200, enough=1.0)(pose(MiFace(), person))
    assert asked == 1
