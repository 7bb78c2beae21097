"""Thresholds of a recogniser, found on photos of people whose names are known."""

from __future__ import annotations

from collections.abc import Sequence

from jaxtyping import Float
from torch import Tensor

from faceveil.core.errors import UsageError
from faceveil.measures.verification import n_false_accepts, pairs, threshold_at
from faceveil.recognisers.card import Calibration


def calibrate(
    embeddings: Float[Tensor, "n d"],
    people: Sequence[str],
    fars: Sequence[float],
    *,
    data: str,
    detector: str,
) -> Calibration:
    """The threshold at each false accept rate that the number of impostor pairs can tell from zero.

    Every pair of photos of one person is genuine, every pair of photos of two people an impostor.

    Args:
        embeddings: unit vectors.
        people: whom each shows.
        fars: false accept rates, the ones wanted.
        data: what the photos are, for the card.
        detector: what found the faces, for the card.

    Raises:
        UsageError: no two photos show one person, or there are too few people for every rate.
    """
    genuine, impostor = pairs(embeddings, people)
    possible = [far for far in fars if n_false_accepts(far, impostor.numel())]
    if not possible:
        raise UsageError(
            f"{impostor.numel()} pairs of photos of two people are too few for a threshold at FAR "
            f"{max(fars):g}: give photos of more people."
        )
    return Calibration(
        data=data,
        detector=detector,
        n_people=len(set(people)),
        n_genuine=genuine.numel(),
        n_impostor=impostor.numel(),
        thresholds=tuple(threshold_at(genuine, impostor, far) for far in possible),
    )
