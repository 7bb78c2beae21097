"""How well a recogniser tells people apart on clean pictures: TAR at FAR as figures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from jaxtyping import Float
from torch import Tensor

from faceveil.bench.figure import Figure
from faceveil.measures.rate import rate
from faceveil.measures.verification import n_false_accepts, pairs, threshold_at


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
    genuine, impostor = pairs(embeddings, people)
    owners = _owners(people)
    figures = []
    for far in (far for far in fars if n_false_accepts(far, impostor.numel())):
        threshold = threshold_at(genuine, impostor, far)
        accepted = rate(genuine.double() >= threshold.cosine, owners, seed=seed)
        note = f"threshold {threshold.cosine:.3f} from {impostor.numel()} impostor pairs"
        figures.append(Figure(f"TAR@{far:g}", accepted, at, note=note))
    return figures


def _owners(people: Sequence[str]) -> list[str]:
    """Whose each same-person pair is, in the order of :func:`pairs`."""
    left = Counter(people)
    owners = []
    for person in people:
        left[person] -= 1
        owners += [person] * left[person]
    return owners
