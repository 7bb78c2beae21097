"""Recognisers on pictures as they are: what every protected figure must be held against."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import torch

from faceveil.bench.accepted import true_accepts
from faceveil.bench.figure import Figure
from faceveil.bench.protocol import Items, Plan, Protocol
from faceveil.bench.task import Task
from faceveil.core.errors import UsageError
from faceveil.core.ranges import Fraction
from faceveil.data.open import open_pairs, open_pictures
from faceveil.data.pictures import Pairs, Picture
from faceveil.measures.identification import rank_n
from faceveil.measures.rate import rate
from faceveil.measures.verification import k_fold_accuracy


@dataclass(frozen=True, kw_only=True)
class Clean(Protocol):
    """Rank-1 and TAR at FAR of clean pictures, and the share of them a face was found in.

    Every picture is a probe once and all others are its gallery.

    Attributes:
        people: a selection of them; empty for everybody.
        fars: false accept rates; those the impostor pairs cannot tell from zero are left out.
    """

    name: ClassVar[str] = "clean"
    summary: ClassVar[str] = "Rank-1 (leave one out) and TAR at FAR on pictures as they are."

    people: str = ""
    fars: tuple[Fraction, ...] = (0.01, 0.001)

    def plan(self) -> Plan:
        """Every picture as it is."""
        found = open_pictures(self.data)
        if self.people:
            found = found.select(self.people)
        if all(len(pictures) < 2 for pictures in found.by_person.values()):
            raise UsageError(f"{self.data}: nobody has a second picture to be recognised by.")
        pictures = tuple(found)
        return Plan([Task(picture) for picture in pictures], partial(self._figures, pictures))

    def _figures(self, pictures: Sequence[Picture], items: Items) -> list[Figure]:
        usable = items.usable(pictures)
        names = {picture.name for picture in usable}
        found = torch.tensor([picture.name in names for picture in pictures])
        everyone = [picture.person for picture in pictures]
        figures = [Figure("faces found", rate(found, everyone, seed=self.seed))]
        people = [picture.person for picture in usable]
        count = Counter(people)
        others = [count[person] > 1 for person in people]
        for victim in self.victims:
            embeddings = items.embeddings(None, usable, victim)
            similarities = (embeddings @ embeddings.T).fill_diagonal_(-torch.inf)
            probes = torch.tensor(others)
            rank_1 = rank_n(
                similarities[probes],
                people,
                [person for person, other in zip(people, others, strict=True) if other],
                1,
                seed=self.seed,
            )
            figures.append(Figure("Rank-1", rank_1, {"victim": victim}))
            figures += true_accepts(
                embeddings, people, self.fars, at={"victim": victim}, seed=self.seed
            )
        return figures


@dataclass(frozen=True, kw_only=True)
class Verification(Protocol):
    """Ten-fold verification accuracy on a list of pairs, LFW's protocol.

    ``data`` is a folder with LFW's ``pairs.txt``, or a ``.bin`` file, whose pictures are aligned.
    """

    name: ClassVar[str] = "verification"
    summary: ClassVar[str] = "Ten-fold accuracy on pairs: LFW's pairs.txt or a .bin set."

    def plan(self) -> Plan:
        """Every picture of a pair as it is."""
        found = open_pairs(self.data)
        if found.alignment != self.alignment:
            raise UsageError(
                f"{self.data}: its pictures are made for alignment={found.alignment}; set that."
            )
        return Plan([Task(picture) for picture in _shown(found)], partial(self._figures, found))

    def _figures(self, found: Pairs, items: Items) -> list[Figure]:
        usable = {picture.name for picture in items.usable(_shown(found))}
        kept = [
            pair
            for pair in found.pairs
            if {found.pictures[pair.first].name, found.pictures[pair.second].name} <= usable
        ]
        note = f"{len(found.pairs) - len(kept)} of {len(found.pairs)} pairs left out: no face found"
        figures = []
        for victim in self.victims:
            first, second = (
                items.embeddings(None, [found.pictures[at] for at in side], victim)
                for side in ([p.first for p in kept], [p.second for p in kept])
            )
            accuracy = k_fold_accuracy(
                (first * second).sum(1),
                torch.tensor([pair.same for pair in kept]),
                [pair.fold for pair in kept],
                seed=self.seed,
            )
            figures.append(Figure("accuracy", accuracy, {"victim": victim}, note=note))
        return figures


def _shown(found: Pairs) -> list[Picture]:
    """The pictures that occur in a pair."""
    used = sorted({at for pair in found.pairs for at in (pair.first, pair.second)})
    return [found.pictures[at] for at in used]
