"""A mean over trials, such as the share that succeed, and how sure one can be of it."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

from faceveil.core.errors import UsageError
from faceveil.core.seeds import derive

RESAMPLES = 2000


@dataclass(frozen=True)
class Rate:
    """A mean of ``n`` trials with the 95 % interval from ``low`` to ``high``.

    ``people`` is how many people the trials are of; None where that is not told.
    """

    mean: float
    n: int
    low: float
    high: float
    people: int | None = None

    @property
    def n_independent(self) -> int:
        """How many trials do not succeed or fail with another: one a person."""
        return self.n if self.people is None else self.people

    def __str__(self) -> str:
        return f"{self.mean:.3f} ({self.low:.3f} to {self.high:.3f}, n = {self.n})"


def rate(successes: Bool[Tensor, " n"], people: Sequence[str], *, seed: int = 0) -> Rate:
    """The share of successes.

    A share of people for each of whom all came out one way, as with one photo each, has Wilson's
    interval (JASA 1927), which holds near 0 and 1 too, where a bootstrap's is too narrow. Any other
    has that of :func:`mean`, which says more.
    """
    measured = mean(successes.double(), people, seed=seed)
    trials = Counter(people)
    won = Counter(one for one, success in zip(people, successes.tolist(), strict=True) if success)
    whole = len(set(trials.values())) == 1 and all(won[one] in (0, trials[one]) for one in trials)
    if not whole or measured.mean in (0, 1):
        return measured
    low, high = _wilson(measured.mean, len(trials))
    return replace(measured, low=low, high=high)


def mean(values: Float[Tensor, " n"], people: Sequence[str], *, seed: int = 0) -> Rate:
    """The mean of ``values``, with an interval over people.

    Photos of one person succeed or fail together, so it is people that count, not photos: whole
    people are drawn with replacement (Efron's percentile bootstrap, clustered). If all trials came
    out alike, both ends are that.

    Args:
        values: one per trial.
        people: whose trial each is.
        seed: the same seed gives the same interval.

    Raises:
        UsageError: there is no trial, or not one person for each.
    """
    outcomes = values.detach().cpu().to(torch.float64).numpy()
    if len(outcomes) == 0 or len(outcomes) != len(people):
        raise UsageError(
            f"A mean needs trials and one person for each: got {len(outcomes)} trials and "
            f"{len(people)} people."
        )
    _, person = np.unique(np.asarray(people), return_inverse=True)
    sums, trials = np.bincount(person, outcomes), np.bincount(person)
    n_people, share = len(trials), float(outcomes.mean())
    draw = np.random.default_rng(derive(seed, "bootstrap"))
    means = np.empty(RESAMPLES)
    for some in np.split(means, 20):  # views: faster than one by one, smaller than all at once
        chosen = draw.integers(n_people, size=(len(some), n_people))
        some[:] = sums[chosen].sum(axis=1) / trials[chosen].sum(axis=1)
    low, high = np.quantile(means, (0.025, 0.975))
    return Rate(share, len(outcomes), float(low), float(high), n_people)


def _wilson(share: float, n: int) -> tuple[float, float]:
    """The shares from which ``share`` of n trials is 1.96 deviations away."""
    z2 = 1.959964**2 / n
    middle, half = share + z2 / 2, math.sqrt(z2 * (share * (1 - share) + z2 / 4))
    return (middle - half) / (1 + z2), (middle + half) / (1 + z2)
