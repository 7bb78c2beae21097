"""A search that may only ask."""

from __future__ import annotations

from collections.abc import Callable

import torch

from faceveil.inversion.nes import Nes, odds
from faceveil.inversion.problem import Problem
from faceveil.inversion.stage import Stage

Pose = Callable[..., Problem]


def test_the_odds_are_exact_where_the_recogniser_is_all_but_sure(pose: Pose, scene: Stage) -> None:
    problem = pose(Nes(), "p2")
    images = scene.private.showing(["p2", "p1"]).photos
    logits = scene.victim.logits(images).double()
    others = [label for label in range(len(scene.victim.people)) if label != 2]
    expected = logits[:, 2] - logits[:, others].logsumexp(1)
    assert expected.max() > 10
    torch.testing.assert_close(odds(problem, images).double(), expected, atol=1e-3, rtol=1e-4)


def test_the_odds_rise_and_whom_the_span_holds_is_found(pose: Pose, scene: Stage) -> None:
    attack, start, half = Nes(steps=60), Nes(steps=0), Nes(steps=30)
    everybody = torch.cat((scene.public.photos, scene.private.photos))
    for label, person in enumerate(scene.victim.people):
        problem = pose(attack, person, public=everybody)
        end = attack(problem)
        assert start(problem).confidence < min(half(problem).confidence, end.confidence)
        assert scene.victim.labels(end.images).item() == label


def test_more_pairs_point_more_nearly_uphill(pose: Pose) -> None:
    few, many = (Nes(steps=20, pairs=pairs, searches=1) for pairs in (1, 32))
    people = ("p0", "p1", "p2", "p3")
    reached = [
        torch.stack([attack(pose(attack, one)).confidence for one in people]).mean()
        for attack in (few, many)
    ]
    assert reached[0] < reached[1]
