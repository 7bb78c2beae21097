"""Verification: is this the same person? True accepts at a false accept rate, and accuracy."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from faceveil.core.errors import UsageError
from faceveil.measures.rate import Rate, rate
from faceveil.recognisers.card import Threshold


def threshold_at(
    genuine: Float[Tensor, " n"], impostor: Float[Tensor, " m"], far: float
) -> Threshold:
    """The smallest cosine at which at most ``far`` of the impostor pairs are accepted.

    A pair is accepted when its cosine is at least the threshold. The threshold is given to six
    decimals, rounded up, so that a card holds exactly the figure that was counted with.

    Args:
        genuine: cosines of pairs that show one person.
        impostor: cosines of pairs that show two people.
        far: the false accept rate, in (0, 1).

    Raises:
        UsageError: there are too few impostor pairs to tell this rate from zero, or no genuine one.
    """
    n_impostor = impostor.numel()
    if not 0 < far < 1:
        raise UsageError(f"A false accept rate lies between 0 and 1, not at {far:g}.")
    n_allowed = n_false_accepts(far, n_impostor)
    if n_allowed < 1:
        raise UsageError(
            f"FAR {far:g} cannot be told from {n_impostor} impostor pairs: it takes at least "
            f"{math.ceil(1 / Fraction(str(far)))}. Use more people or a higher rate."
        )
    if genuine.numel() == 0:
        raise UsageError("There is no pair of photos of one person: give two photos a person.")
    refused = impostor.double().topk(n_allowed + 1).values[-1].item()
    cosine = round(refused, 6)
    if cosine <= refused:
        cosine = round(cosine + 1e-6, 6)
    return Threshold(far=far, cosine=cosine, tar=round(accepted(genuine, cosine), 6))


def n_false_accepts(far: float, n_impostor: int) -> int:
    """How many of ``n_impostor`` pairs may be accepted at the false accept rate ``far``."""
    # As decimals: in binary, 0.29 * 100 is a hair under 29 and would lose a pair.
    return math.floor(Fraction(str(far)) * n_impostor)


def accepted(cosines: Float[Tensor, " n"], threshold: float) -> float:
    """The share of pairs taken for one person: of genuine ones the TAR, of impostors the FAR."""
    return (cosines.double() >= threshold).double().mean().item()


def protection_success_rate(
    similarities: Float[Tensor, " n"], threshold: float, people: Sequence[str], *, seed: int = 0
) -> Rate:
    """The share of veiled photos that a recogniser no longer matches to their person (PSR).

    Args:
        similarities: each veiled photo's cosine to another photo of the same person.
        threshold: the recogniser's cosine threshold.
        people: whose photo each is.
        seed: of the interval, see :func:`faceveil.measures.rate.rate`.
    """
    return rate(similarities.double() < threshold, people, seed=seed)


def pairs(
    embeddings: Float[Tensor, "n d"], people: Sequence[str]
) -> tuple[Float[Tensor, " g"], Float[Tensor, " i"]]:
    """Cosines of all same-person pairs and of all cross-person pairs of unit vectors.

    Raises:
        UsageError: there is not one person for each embedding.
    """
    if len(people) != len(embeddings):
        raise UsageError(f"{len(embeddings)} embeddings need as many people, not {len(people)}.")
    index = {person: number for number, person in enumerate(dict.fromkeys(people))}
    person = torch.tensor([index[name] for name in people], device=embeddings.device)
    cosines = embeddings @ embeddings.T
    same = person[:, None] == person
    once = torch.ones_like(same).triu(1)
    return cosines[same & once], cosines[~same & once]


def pair_owners(people: Sequence[str]) -> list[str]:
    """Whose each same-person pair is, in the order of :func:`pairs`."""
    left = Counter(people)
    owners = []
    for person in people:
        left[person] -= 1
        owners += [person] * left[person]
    return owners


def true_accepts(
    genuine: Float[Tensor, " n"],
    impostor: Float[Tensor, " m"],
    owners: Sequence[str],
    fars: Iterable[float],
    *,
    seed: int = 0,
) -> Iterator[tuple[Threshold, Rate]]:
    """The TAR at each false accept rate that the impostor pairs can tell from zero.

    Args:
        genuine: cosines of pairs that show one person.
        impostor: cosines of pairs that show two.
        owners: whose each genuine pair is; intervals are over them.
        fars: false accept rates.
        seed: of the intervals, see :func:`faceveil.measures.rate.rate`.
    """
    for far in (far for far in fars if n_false_accepts(far, impostor.numel())):
        threshold = threshold_at(genuine, impostor, far)
        yield threshold, rate(genuine.double() >= threshold.cosine, owners, seed=seed)


def k_fold_accuracy(
    similarities: Float[Tensor, " n"],
    same: Bool[Tensor, " n"],
    folds: Sequence[int],
    *,
    seed: int = 0,
) -> Rate:
    """The share of pairs judged rightly, each by a threshold found on the pairs of other folds.

    This is LFW's protocol (Huang et al. 2007, view 2). The threshold is the one with which most
    pairs of the other folds are judged rightly; the lowest, where several are equally good; half
    way between the cosines next to it. The pairs of a fold share a threshold, so the interval is
    over folds.

    Args:
        similarities: the cosine of each pair.
        same: whether it shows one person.
        folds: the number of its fold.
        seed: of the interval, see :func:`faceveil.measures.rate.rate`.

    Raises:
        UsageError: there is not one fold for each pair, or there is only one fold.
    """
    numbers = set(folds)
    if len(numbers) < 2 or len(folds) != len(same):
        raise UsageError(
            f"Cross-validation needs two folds or more, and the fold of each of {len(same)} pairs: "
            f"got {len(folds)} numbers of {len(numbers)} folds."
        )
    fold = torch.tensor(folds, device=same.device)
    right = torch.zeros_like(same)
    for number in numbers:
        held_out = fold == number
        threshold = _best_threshold(similarities[~held_out].double(), same[~held_out])
        right[held_out] = (similarities[held_out].double() >= threshold) == same[held_out]
    measured = rate(right, [str(number) for number in folds], seed=seed)
    return replace(measured, people=None)


def _best_threshold(cosines: Float[Tensor, " n"], same: Bool[Tensor, " n"]) -> Float[Tensor, ""]:
    cosines, order = cosines.sort()
    # Refusing one more pair is right or wrong for that pair and changes nothing for the others.
    gained = torch.where(same[order], -1, 1).cumsum(0)
    ends = cosines.new_tensor([math.inf])
    below, above = torch.cat([-ends, cosines]), torch.cat([cosines, ends])
    right = torch.cat([gained.new_zeros(1), gained])
    best = torch.where(below < above, right, right.min() - 1).argmax()
    return (below[best] + above[best]) / 2
