"""How well a recogniser tells people apart on clean pictures: TAR at FAR as figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor

from faceveil.bench.figure import Figure
from faceveil.measures import verification


def true_accepts(
    embeddings: Float[Tensor, "n d"],
    people: Sequence[str],
    fars: Sequence[float],
    *,
    at: Mapping[str, str],
    seed: int,
) -> list[Figure]:
    """TAR at each of ``fars`` that the impostor pairs can tell from zero.

    Args:
        embeddings: unit vectors of clean pictures.
        people: whom each shows.
        fars: false accept rates.
        at: where the figures stand.
        seed: of their intervals, which are over people.
    """
    genuine, impostor = verification.pairs(embeddings, people)
    owners = verification.pair_owners(people)
    figures = []
    for threshold, accepted in verification.true_accepts(
        genuine, impostor, owners, fars, seed=seed
    ):
        note = f"threshold {threshold.cosine:.3f} from {impostor.numel()} impostor pairs"
        figures.append(Figure(f"TAR@{threshold.far:g}", accepted, at, note=note))
    return figures
