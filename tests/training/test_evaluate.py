"""Examinations: figures that are known for embeddings that are made up."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
import torch
from tests.training.conftest import drawn_crops
from torch import Tensor
from torch.nn.functional import normalize

from faceveil.training import evaluate
from faceveil.training.crops import Crops
from faceveil.training.evaluate import Examination, Listed
from faceveil.training.split import split

CROPS = drawn_crops(8, 6)


def knowing(crops: Crops, indices: Sequence[int]) -> Tensor:
    """Embeddings that show who it is, and a little more."""
    noise = torch.randn(len(crops.people), 8, generator=torch.Generator().manual_seed(0))
    person = torch.tensor([int(name[1:]) for name in crops.people])
    return normalize(torch.eye(8)[person] + 0.05 * noise)[list(indices)]


def guessing(crops: Crops, indices: Sequence[int]) -> Tensor:
    draw = torch.Generator().manual_seed(1)
    return normalize(torch.randn(len(crops.people), 8, generator=draw))[list(indices)]


def examination(people: str = "4:8", photos: int = 3, **fields: object) -> Examination:
    parts = split(CROPS.people, held_out_people=people, held_out_photos=photos)
    return Examination(CROPS, parts, **fields)  # type: ignore[arg-type]


def test_who_knows_everybody_has_full_marks() -> None:
    figures = examination()(knowing)
    names = ["photos/rank-1", "photos/accuracy", "strangers/rank-1", "strangers/TAR@0.01"]
    assert list(figures) == [*names, "strangers/accuracy"]
    assert all(figure.mean == 1 for figure in figures.values())
    assert figures["photos/rank-1"].n == 4 * 3
    assert figures["strangers/rank-1"].n == 4 * 6
    assert figures["strangers/TAR@0.01"].n == 4 * 15
    assert figures["strangers/accuracy"].n == 2 * 4 * 15


def test_who_guesses_does_not() -> None:
    figures = examination()(guessing)
    assert figures["photos/rank-1"].mean < 0.7
    assert figures["strangers/accuracy"].mean < 0.7
    assert figures["strangers/TAR@0.01"].mean < 0.2


def test_what_cannot_be_asked_is_left_out() -> None:
    assert examination("", 0)(knowing) == {}
    assert list(examination("", 1)(knowing)) == ["photos/rank-1"]
    assert examination("p7", 0)(knowing) == {}


def test_listed_pairs_are_judged_fold_by_fold() -> None:
    same = [(6 * i, 6 * i + 1, True, i % 4) for i in range(8)]
    other = [(6 * i, (6 * i + 7) % 48, False, i % 4) for i in range(8)]
    listed = Listed("lfw", CROPS, same + other, 20)
    figures = examination("", 0, listed=listed)(knowing)
    assert list(figures) == ["lfw/accuracy"]
    assert (figures["lfw/accuracy"].mean, figures["lfw/accuracy"].n) == (1, 16)


def test_large_sets_are_looked_at_person_by_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(evaluate, "MOST_PROBES", 6)
    monkeypatch.setattr(evaluate, "MOST_GALLERY", 3)
    figures = examination("", 3)(knowing)
    assert figures["photos/rank-1"].n == 3  # of six probes, those of the gallery's three people
