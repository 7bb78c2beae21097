"""Focal diversity: how rarely recognisers of a team fail on the same faces.

Chow et al., "Chameleon", ECCV 2024, after Wu et al., "Boosting Ensemble Accuracy by Revisiting
Ensemble Diversity Metrics", CVPR 2021. For a focal member F of a team of L, take only what F gets
wrong, and let p_i be the share of it on which exactly i members fail:

    p(1) = sum_i i / L * p_i,   p(2) = sum_i i (i - 1) / (L (L - 1)) * p_i,   rho_F = p(2) / p(1)
    d(S) = mean over F of (1 - rho_F)

It is 1 where no two members ever fail together, and 0 where they always do.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import torch
from jaxtyping import Bool
from torch import Tensor

from faceveil.core.errors import UsageError


@dataclass(frozen=True)
class Team:
    """Some recognisers, their focal diversity and the mean share of trials they get right.

    ``diversity`` is None where no member fails at all: then nothing can be told.
    """

    members: tuple[str, ...]
    diversity: float | None
    accuracy: float


def focal_diversity(failed: Bool[Tensor, "l n"]) -> float | None:
    """d(S) of a team, from which of its ``l`` members fail in each of ``n`` trials.

    A member that never fails is no focal member (ours: rho is 0 / 0); None where all are such.

    Raises:
        UsageError: a team needs two members.
    """
    size = len(failed)
    check_size(size, size)
    together = failed.double().sum(dim=0)
    terms = []
    for focal in failed:
        if focal.any():
            count = together[focal]
            one = (count / size).mean()
            two = (count * (count - 1) / (size * (size - 1))).mean()
            terms.append(float(1 - two / one))
    return sum(terms) / len(terms) if terms else None


def teams(failed: Mapping[str, Bool[Tensor, " n"]], size: int) -> list[Team]:
    """Every team of ``size`` out of a pool, most diverse first, of equals the more accurate first.

    Args:
        failed: by recogniser, which of the same trials it gets wrong.
        size: members of a team.

    Raises:
        UsageError: the pool holds fewer recognisers, or the team fewer than two.
    """
    check_size(len(failed), size)
    return sorted(_teams(failed, size), key=_rank)


def check_size(n_recognisers: int, size: int) -> None:
    """Refuses a team that a pool of ``n_recognisers`` does not hold, and one of a single member.

    Raises:
        UsageError: it is one.
    """
    if size < 2:
        raise UsageError(f"A team has two members or more, not {size}.")
    if size > n_recognisers:
        raise UsageError(f"A pool of {n_recognisers} recognisers holds no team of {size}.")


def _teams(failed: Mapping[str, Tensor], size: int) -> Iterator[Team]:
    for members in combinations(failed, size):
        rows = torch.stack([failed[name] for name in members])
        yield Team(members, focal_diversity(rows), 1 - float(rows.double().mean()))


def _rank(team: Team) -> tuple[float, float, Sequence[str]]:
    diversity = -1.0 if team.diversity is None else team.diversity
    return -diversity, -team.accuracy, team.members
