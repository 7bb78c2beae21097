"""Which photos are trained on and which are kept to find out what was learnt."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from faceveil.core.errors import UsageError
from faceveil.data.pictures import select


@dataclass(frozen=True)
class Split:
    """Photos by their positions.

    Attributes:
        people: who is trained on; the position is the label.
        train: photos trained on.
        photos: held-out photos of these people: are they known again (closed set)?
        strangers: photos of people held out altogether: are two of them told apart (open set)?
        single: the people of whom there is one photo only, which is trained on.
    """

    people: tuple[str, ...]
    train: tuple[int, ...]
    photos: tuple[int, ...]
    strangers: tuple[int, ...]
    single: tuple[str, ...]


def split(shown: Sequence[str], *, held_out_people: str, held_out_photos: int) -> Split:
    """Photos to train on and to test with.

    Args:
        shown: whom each photo shows.
        held_out_people: a selection, see :func:`faceveil.data.pictures.select`; empty for nobody.
        held_out_photos: of each other person the last so many; one is always trained on.

    Raises:
        UsageError: the selection is unsuitable, or fewer than two people are left to train on.
    """
    by_person: dict[str, list[int]] = defaultdict(list)
    for index, person in enumerate(shown):
        by_person[person].append(index)
    names = tuple(by_person)
    apart = set(select(names, held_out_people)) if held_out_people else set()
    people = tuple(name for name in names if name not in apart)
    if len(people) < 2:
        raise UsageError(
            f"There are {len(people)} people to train on, and a recogniser needs two at least: "
            "hold out fewer, or give more people whose faces are found."
        )
    train: list[int] = []
    photos: list[int] = []
    for name in people:
        indices = by_person[name]
        n_train = max(1, len(indices) - held_out_photos)
        train += indices[:n_train]
        photos += indices[n_train:]
    return Split(
        people,
        tuple(train),
        tuple(photos),
        tuple(index for name in names if name in apart for index in by_person[name]),
        tuple(name for name in people if len(by_person[name]) == 1),
    )
