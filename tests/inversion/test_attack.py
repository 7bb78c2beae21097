"""An attack is given what its threat allows, and its answer is put in order."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch
from torch import Tensor

from faceveil.core.errors import ModelError
from faceveil.inversion.attack import Attack, Threat, access_of
from faceveil.inversion.problem import Problem

Pose = Callable[..., Problem]


@dataclass(frozen=True)
class Told(Attack):
    """Notes what it is given."""

    name: ClassVar[str] = "told"
    summary: ClassVar[str] = "for tests"
    threat: ClassVar[Threat] = "white-box"
    given: ClassVar[list[Problem]] = []

    colour: float = 0.5

    def reconstruct(self, problem: Problem) -> tuple[Tensor, Tensor]:
        """Three grey pictures."""
        self.given.append(problem)
        levels = torch.tensor([-1.0, self.colour, 0.301]).view(3, 1, 1, 1)
        return levels.expand(3, 3, 16, 16), torch.tensor([1.0, 0.5, 2.0])


@pytest.mark.parametrize(
    ("threat", "leaks", "access"),
    [
        ("label-only", (False, False), "label-only"),
        ("black-box", (False, False), "black-box"),
        ("white-box", (False, False), "white-box"),
        ("template", (True, False), "white-box"),
        ("masked inputs", (False, True), "white-box"),
        ("masked queries", (False, True), "white-box"),
    ],
)
def test_it_is_given_what_the_threat_allows(
    pose: Pose, monkeypatch: pytest.MonkeyPatch, threat: Threat, leaks: object, access: str
) -> None:
    monkeypatch.setattr(Told, "threat", threat)
    attack = Told()
    attack(pose(attack, "p0"))
    given = Told.given.pop()
    assert (given.template is not None, given.leaked is not None) == leaks
    assert given.victim.access == access_of(threat) == access


def test_candidates_are_whole_steps_and_the_surest_comes_first(pose: Pose) -> None:
    images, confidence = Told()(pose(Told(), "p0"))
    assert confidence.tolist() == [2.0, 1.0, 0.5]
    levels = (255 * images[:, 0, 0, 0]).tolist()
    assert levels == pytest.approx([77, 0, 128])


def test_what_is_no_number_is_refused_with_the_persons_name(pose: Pose) -> None:
    with pytest.raises(ModelError, match="told: the search for p2 ran into something"):
        Told(float("nan"))(pose(Told(), "p2"))


def test_grey_public_faces_mean_one_colour_to_search(pose: Pose) -> None:
    problem = pose(Told(), "p0")
    assert problem.n_colours == 3
    grey = problem.public.mean(1, keepdim=True).expand(-1, 3, -1, -1)
    assert pose(Told(), "p0", public=grey).n_colours == 1
