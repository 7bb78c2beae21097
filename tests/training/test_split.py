"""Splits: by photo, by person, and people of one photo."""

from __future__ import annotations

import pytest

from faceveil.core.errors import UsageError
from faceveil.training.split import split

SHOWN = ["a", "a", "a", "b", "b", "c", "d", "d", "d", "d"]


def test_the_last_photos_are_held_out_but_never_the_only_one() -> None:
    parts = split(SHOWN, held_out_people="", held_out_photos=2)
    assert parts.people == ("a", "b", "c", "d")
    assert parts.train == (0, 3, 5, 6, 7)
    assert parts.photos == (1, 2, 4, 8, 9)
    assert parts.strangers == ()
    assert parts.single == ("c",)


def test_strangers_are_held_out_whole() -> None:
    parts = split(SHOWN, held_out_people="c-d", held_out_photos=0)
    assert parts.people == ("a", "b")
    assert (parts.train, parts.photos) == ((0, 1, 2, 3, 4), ())
    assert parts.strangers == (5, 6, 7, 8, 9)
    assert parts.single == ()


@pytest.mark.parametrize(
    ("shown", "people", "said"),
    [
        (SHOWN, "1:4", "There are 1 people to train on"),
        ([], "", "There are 0 people to train on"),
        (SHOWN, "e", "'e' names nobody here"),
    ],
)
def test_too_few_people_are_refused(shown: list[str], people: str, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        split(shown, held_out_people=people, held_out_photos=1)
