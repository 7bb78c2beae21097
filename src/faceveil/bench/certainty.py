"""How sure a figure is, so that nothing shows a guess as a fact."""

from __future__ import annotations

from dataclasses import dataclass

from faceveil.bench.tables import number
from faceveil.measures.rate import Rate

FEW = 30
"""Fewer people than this settle little; a figure of so few is shown as unsure."""

SHARES = (
    *("PSR@", "Rank-", "TAR@", "taken for the target", "faces found"),
    *("rank-1", "Acc@", "NN@", "verified", "TPR@"),
)
"""How the names begin of what is a share of trials, which people tell apart."""


@dataclass(frozen=True)
class Span:
    """The 95 % interval of a figure.

    ``exact`` where it is Clopper and Pearson's, because all trials ended alike and a bootstrap,
    which can only draw what was seen, has no width.
    """

    low: float
    high: float
    exact: bool = False


def is_share(measure: str) -> bool:
    """Whether a measure is the share of trials that came out one way."""
    return measure.startswith(SHARES)


def is_unsure(rate: Rate) -> bool:
    """Whether it is of too few people to lean on."""
    return rate.n_independent < FEW


def span(measure: str, rate: Rate) -> Span | None:
    """The interval of a figure; None where there is nothing to tell it from."""
    if rate.low < rate.high:
        return Span(rate.low, rate.high)
    if is_share(measure) and rate.mean in (0, 1):
        # The share that would end in n like trials at 2.5 %.
        bound = 0.025 ** (1 / rate.n_independent)
        return Span(bound, 1, exact=True) if rate.mean == 1 else Span(0, 1 - bound, exact=True)
    return None


def in_words(measure: str, rate: Rate) -> str:
    """The interval as it is printed, such as ``0.71 to 0.93`` or ``6 of 6, ≥ 0.54``."""
    found = span(measure, rate)
    if found is None:
        return "no interval"
    if not found.exact:
        return f"{signed(found.low)} to {signed(found.high)}"
    of = f"{rate.n}" if rate.n_independent == rate.n else f"{rate.n} ({rate.people} people)"
    if rate.mean == 1:
        return f"{rate.n} of {of}, ≥ {number(found.low)}"
    return f"0 of {of}, ≤ {number(found.high)}"


def signed(value: float) -> str:
    """The number as tables print it, with a true minus sign."""
    return number(value).replace("-", "\N{MINUS SIGN}")
