"""Identification: who in the gallery is this? Rank-N rates, clean, targeted and untargeted.

A gallery's entries are ranked by their similarity to a probe; equal ones stay in gallery order.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from faceveil.core.errors import UsageError
from faceveil.measures.rate import Rate, rate
from faceveil.recognisers.gallery import top_k


def rank_n(
    similarities: Float[Tensor, "p g"],
    gallery_labels: Sequence[str],
    true_labels: Sequence[str],
    n: int,
    *,
    seed: int = 0,
) -> Rate:
    """The share of probes whose true person is among their top ``n`` entries.

    Args:
        similarities: of each probe to each gallery entry.
        gallery_labels: whom each entry shows.
        true_labels: whom each probe shows; intervals are over these people.
        n: how many entries count.
        seed: of the interval, see :func:`faceveil.measures.rate.rate`.

    Raises:
        UsageError: labels and similarities do not fit, or ``n`` is not within the gallery.
    """
    wanted = [{label} for label in true_labels]
    return rate(_any_in_top(similarities, gallery_labels, wanted, n), true_labels, seed=seed)


def rank_n_untargeted(
    similarities: Float[Tensor, "p g"],
    gallery_labels: Sequence[str],
    true_labels: Sequence[str],
    n: int,
    *,
    seed: int = 0,
) -> Rate:
    """Rank-N-UT (Yang et al. 2021): the share of probes whose true person is not in the top ``n``.

    Arguments and errors are those of :func:`rank_n`.
    """
    wanted = [{label} for label in true_labels]
    return rate(~_any_in_top(similarities, gallery_labels, wanted, n), true_labels, seed=seed)


def rank_n_targeted(
    similarities: Float[Tensor, "p g"],
    gallery_labels: Sequence[str],
    true_labels: Sequence[str],
    target_labels: Sequence[Collection[str]],
    n: int,
    *,
    seed: int = 0,
) -> Rate:
    """Rank-N-T (Yang et al. 2021): the share of probes with one of their targets in the top ``n``.

    Arguments and errors are those of :func:`rank_n`; ``target_labels`` names each probe's targets.
    """
    return rate(_any_in_top(similarities, gallery_labels, target_labels, n), true_labels, seed=seed)


def _any_in_top(
    similarities: Float[Tensor, "p g"],
    gallery_labels: Sequence[str],
    wanted: Sequence[Collection[str]],
    n: int,
) -> Bool[Tensor, " p"]:
    n_probes, n_entries = similarities.shape
    if (len(wanted), len(gallery_labels)) != (n_probes, n_entries):
        raise UsageError(
            f"{n_probes} x {n_entries} similarities need as many probe and gallery labels, not "
            f"{len(wanted)} and {len(gallery_labels)}."
        )
    if not 1 <= n <= n_entries:
        raise UsageError(f"Rank {n} does not exist in a gallery of {n_entries}.")
    ranked = top_k(similarities, n).tolist()
    return torch.tensor(
        [
            any(gallery_labels[entry] in names for entry in row)
            for row, names in zip(ranked, wanted, strict=True)
        ]
    )
