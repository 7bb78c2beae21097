"""Teams: which recognisers of the pool fail on different pairs of photos?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from faceveil.app.models import embed_people
from faceveil.measures.diversity import Team, check_size, teams
from faceveil.measures.verification import pairs, threshold_at
from faceveil.recognisers import zoo
from faceveil.recognisers.ensemble import Ensemble

FAR = 0.01


@dataclass(frozen=True)
class Ranked:
    """Every team of a size, most diverse first, and on how many pairs of how many people."""

    teams: tuple[Team, ...]
    n_pairs: int
    n_people: int


def rank(
    data: Path,
    size: int,
    recognisers: Sequence[str] | None = None,
    *,
    first: int | None = None,
    device: str = "cpu",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Ranked:
    """Every team of ``size`` recognisers, by focal diversity on the faces in ``data``.

    A trial is a pair of photos. A recogniser fails in it if it takes two people for one, or one for
    two, at the threshold that it has in these very photos at a false accept rate of .01: so all
    fail on as many pairs of two people, and differ in which.

    Args:
        data: a folder of folders, one a person.
        size: members of a team.
        recognisers: the pool; None for all there are.
        first: take only so many people, in the order of their names.
        device: where to compute.
        progress: called with the photos done and the photos there are.

    Raises:
        UsageError: the pool is too small, or the folder holds too few people.
        ModelError: a recogniser is missing or unusable.
    """
    names = list(dict.fromkeys(zoo.names() if recognisers is None else recognisers))
    check_size(len(names), size)
    pool = Ensemble([zoo.load(name, device=device) for name in names])
    people = embed_people(data, pool, first=first, progress=progress)
    failed = {}
    for name, rows in people.embeddings.items():
        genuine, impostor = pairs(rows, people.labels)
        threshold = threshold_at(genuine, impostor, FAR).cosine
        failed[name] = torch.cat([genuine.double() < threshold, impostor.double() >= threshold])
    n_pairs = len(next(iter(failed.values())))
    return Ranked(tuple(teams(failed, size)), n_pairs, len(set(people.labels)))
