"""What is not masked comes back; of a mix, whoever has the largest share is asked for."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.inversion.conftest import trained
from tests.training.conftest import drawn_crops

from faceveil.core.errors import UsageError
from faceveil.inversion import stage
from faceveil.inversion.kept import Kept
from faceveil.inversion.problem import Problem
from faceveil.inversion.recovery import QueryRecovery, TrainingRecovery, largest
from faceveil.training.defence import Labels
from faceveil.training.instahide import InstaHide
from faceveil.training.spectral import PpfrFd

Pose = Callable[..., Problem]


def error(
    problem: Problem, attack: TrainingRecovery | QueryRecovery, photos: torch.Tensor
) -> float:
    found = attack(problem).images[0]
    return (photos - found).abs().flatten(1).mean(1).min().item()


def test_an_undefended_input_comes_back_and_a_mix_with_random_signs_does_not(
    pose: Pose, scene: stage.Stage, tmp_path: Path
) -> None:
    attack = TrainingRecovery(steps=60, batch=8)
    photos = scene.private.showing(["p0"]).photos
    plain = error(pose(attack, "p0"), attack, photos)
    crops = drawn_crops()
    run = trained(tmp_path, crops, InstaHide(k=4, draws="seeded"))
    hidden = stage.of_run(run, "people", "", lambda spec: crops)
    mixed = error(pose(attack, "p0", of=hidden), attack, photos)
    floor = (photos - scene.public.photos.mean(0)).abs().flatten(1).mean(1).min().item()
    assert plain < 0.5 * floor
    assert mixed > 1.5 * plain


def test_frequencies_of_queries_are_unfolded_into_pixels(pose: Pose, tmp_path: Path) -> None:
    crops = drawn_crops()
    run = trained(tmp_path, crops, PpfrFd(upsampling=4))
    seen = stage.of_run(run, "people", "", lambda spec: crops)
    attack = QueryRecovery(steps=60, batch=8)
    photos = seen.private.showing(["p1"]).photos
    floor = (photos - seen.public.photos.mean(0)).abs().flatten(1).mean(1).min().item()
    assert error(pose(attack, "p1", of=seen), attack, photos) < floor


def test_victims_with_the_same_mask_share_the_network(pose: Pose, tmp_path: Path) -> None:
    crops, kept = drawn_crops(), Kept()
    attack = QueryRecovery(steps=1, batch=4)
    for name, defence, fields, n_networks in (
        ("plain", None, {}, 1),
        ("longer", None, {"batch": 4}, 1),
        ("frequencies", PpfrFd(upsampling=4), {}, 2),
    ):
        run = trained(tmp_path / name, crops, defence, **fields)
        seen = stage.of_run(run, "people", "", lambda spec: crops)
        attack(pose(attack, "p1", of=seen, kept=kept))
        assert len(kept._weights) == n_networks


def test_the_largest_share_is_asked_for() -> None:
    people = torch.tensor([[3, 1], [0, 2], [2, 0]])
    weights = torch.tensor([[0.4, 0.6], [0.5, 0.5], [0.65, 0.35]])
    assert largest(Labels(people, weights)).tolist() == [1, 0, 2]


def test_it_says_what_has_not_leaked(pose: Pose) -> None:
    attack = TrainingRecovery(steps=1, batch=2)
    with pytest.raises(UsageError, match="no masked face has leaked"):
        attack(pose(attack, "p0", leaked=None))
