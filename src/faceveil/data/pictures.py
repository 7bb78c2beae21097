"""What a protocol is run on: pictures of people, and pairs of pictures to tell apart."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from faceveil.core.errors import UsageError
from faceveil.io.photo import Photo

Alignment = Literal["detector", "aligned", "whole"]
"""How a recogniser comes to look at a picture, see :mod:`faceveil.data.align`."""


@dataclass(frozen=True, eq=False)
class Picture:
    """One picture, whose bytes are read when it is.

    Attributes:
        name: the same on every machine, and of no other picture of its set: ``PERSON/FILE``, or a
            number.
        person: whom it shows; empty where the set does not say.
        read: the photo; raises PhotoError where the bytes are missing or damaged.
    """

    name: str
    person: str
    read: Callable[[], Photo] = field(repr=False)


@dataclass(frozen=True)
class Pictures:
    """A set of pictures whose people are known; iterating gives them person by person."""

    name: str
    by_person: Mapping[str, Sequence[Picture]]

    @property
    def people(self) -> tuple[str, ...]:
        """Who is shown, in the order of the set."""
        return tuple(self.by_person)

    def __iter__(self) -> Iterator[Picture]:
        return (picture for pictures in self.by_person.values() for picture in pictures)

    def __len__(self) -> int:
        return sum(len(pictures) for pictures in self.by_person.values())

    def select(self, people: str) -> Pictures:
        """The pictures of some people only; what :func:`select` says of ``people`` holds."""
        chosen = select(self.people, people)
        return Pictures(f"{self.name} {people}", {name: self.by_person[name] for name in chosen})


class Pair(NamedTuple):
    """Two pictures, as positions in their set; whether they show one person; the pair's fold."""

    first: int
    second: int
    same: bool
    fold: int


@dataclass(frozen=True)
class Pairs:
    """A verification set; ``alignment`` is how its pictures were made to be looked at."""

    name: str
    pictures: Sequence[Picture]
    pairs: Sequence[Pair]
    alignment: Alignment


def select(people: Sequence[str], chosen: str) -> tuple[str, ...]:
    """Those of ``people`` that a few characters mean, so that a protocol can keep people apart.

    Args:
        people: every one, in order; at least one.
        chosen: one name; ``FIRST-LAST``, two names and all who stand between them; or
            ``START:STOP``, places counted from 0, either of which may be left out.

    Raises:
        UsageError: it is none of these, or means nobody, or more people than there are.
    """
    if chosen in people:
        return (chosen,)
    if places := re.fullmatch(r"(\d{0,9}):(\d{0,9})", chosen):
        start, stop = int(places[1] or 0), int(places[2] or len(people))
    else:
        start, stop = _ends(people, chosen)
    if not start < stop <= len(people):
        raise UsageError(
            f"{chosen!r} does not choose among {len(people)} people: START:STOP counts from 0, and "
            "FIRST-LAST names the earlier one first."
        )
    return tuple(people[start:stop])


def _ends(people: Sequence[str], chosen: str) -> tuple[int, int]:
    """Where ``FIRST-LAST`` starts and stops; the names may hold dashes themselves."""
    for dash in re.finditer("-", chosen):
        first, last = chosen[: dash.start()], chosen[dash.end() :]
        if first in people and last in people:
            return people.index(first), people.index(last) + 1
    raise UsageError(
        f"{chosen!r} names nobody here: give one name, FIRST-LAST or START:STOP. There are "
        f"{len(people)} people, from {people[0]} to {people[-1]}."
    )
