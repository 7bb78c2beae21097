"""Mixes are taken apart by their labels, random signs or none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.conftest import tiny_recogniser
from tests.inversion.conftest import trained
from tests.training.conftest import drawn_crops

from faceveil.inversion import stage
from faceveil.inversion.pairing import Pairing, single
from faceveil.inversion.problem import Problem
from faceveil.inversion.recovery import TrainingRecovery
from faceveil.inversion.stage import Stage
from faceveil.training.instahide import InstaHide

Pose = Callable[..., Problem]


def distance(scene: Stage, problem: Problem, found: torch.Tensor, person: str) -> float:
    """From the person's mean face as the backbone would see it."""
    own = single(problem.victim.masking(0), scene.private.showing([person]).photos).mean(0)
    return (found[0] - own).square().mean().sqrt().item()


def test_a_persons_mixes_give_their_face_better_than_the_best_of_them(
    pose: Pose, mixed_scene: Stage
) -> None:
    gains = []
    for person in mixed_scene.victim.people:
        problem = pose(Pairing(), person, of=mixed_scene)
        solved, told = Pairing().evidence(problem)
        best, _ = TrainingRecovery().evidence(problem)
        assert 0 < told < 1
        solved_off, best_off = (
            distance(mixed_scene, problem, one, person) for one in (solved, best)
        )
        gains.append(solved_off / best_off)
    assert max(gains) < 1


def test_hidden_signs_are_taken_from_the_mean_face(pose: Pose, tmp_path: Path) -> None:
    crops = drawn_crops()
    crops = replace(crops, pixels=144 + crops.pixels // 4)  # few are below the middle
    run = trained(tmp_path, crops, InstaHide(k=2, draws="seeded"))
    hidden = stage.of_run(run, "people", "", lambda spec: crops)
    for person in hidden.victim.people:
        problem = pose(Pairing(), person, of=hidden)
        mean = single(problem.victim.masking(0), problem.public).mean(0, keepdim=True)
        found, _ = Pairing().evidence(problem)
        off = distance(hidden, problem, found, person)
        assert off < 0.7 * distance(hidden, problem, mean, person)


def test_where_nothing_is_mixed_it_says_so(scene: Stage, mixed_scene: Stage) -> None:
    attack = Pairing()
    assert attack.obstacle(mixed_scene.victim) is None
    said = attack.obstacle(scene.victim)
    assert said == "pairing takes mixes of faces apart, and tiny was trained on none."
    imported = stage.of_recogniser(
        tiny_recogniser("ada"), "people", "4:6", lambda spec: drawn_crops()
    )
    assert "ada is an imported file that tells of none" in (attack.obstacle(imported.victim) or "")


@pytest.mark.parametrize("spread", [1e-3, 1e3])
def test_the_less_photos_are_trusted_the_nearer_to_the_mean(
    pose: Pose, mixed_scene: Stage, spread: float
) -> None:
    attack = Pairing(spread=spread)
    problem = pose(attack, "p0", of=mixed_scene)
    found, told = attack.evidence(problem)
    mean = single(problem.victim.masking(0), problem.public).mean(0)
    away = (found[0] - mean).abs().mean()
    assert (told > 0.9) == (spread < 1)
    assert (away < 0.01) == (spread > 1)
