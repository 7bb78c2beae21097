"""What a chart shows, and where: axes, points with their intervals, lines and bars.

The page draws them with positions in per cent, so that a chart is as wide as there is room while
its letters keep their size.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from faceveil.bench.certainty import Span

N_TICKS = 6
"""About how many numbers stand at an axis."""


@dataclass(frozen=True)
class Axis:
    """A range of values and the numbers that stand at it.

    ``bend`` is 0 for a linear axis; else the axis is symlog, linear from 0 to ``bend`` and
    logarithmic beyond.
    """

    title: str
    low: float
    high: float
    ticks: tuple[float, ...]
    bend: float = 0.0

    def at(self, value: float) -> float:
        """Where ``value`` lies between the ends of the axis, in per cent of its length."""
        low, here, high = (self._bent(each) for each in (self.low, value, self.high))
        return round(100 * min(max((here - low) / (high - low), 0.0), 1.0), 2)

    def _bent(self, value: float) -> float:
        if not self.bend:
            return value
        size = abs(value) / self.bend
        return math.copysign(size if size <= 1 else 1 + math.log10(size), value)


def linear(title: str, values: Iterable[float], *, within: tuple[float, float] | None) -> Axis:
    """An axis with round numbers that holds ``values``, and all of ``within`` if there is one.

    Without either it goes from 0 to 1.
    """
    held = [*values, *(within or ())] or [0, 1]
    low, high = min(held), max(held)
    if low == high:
        low, high = low - 1, high + 1
    rough = (high - low) / N_TICKS
    unit = 10 ** math.floor(math.log10(rough))
    step = next(unit * factor for factor in (1, 2, 5, 10) if unit * factor >= rough * (1 - 1e-9))
    first, last = math.floor(low / step + 1e-9), math.ceil(high / step - 1e-9)
    ticks = tuple(round(step * place, 12) for place in range(first, last + 1))
    return Axis(title, ticks[0], ticks[-1], ticks)


def share_axis(title: str) -> Axis:
    """The axis of a share: from none to all."""
    return Axis(title, 0, 1, (0, 0.25, 0.5, 0.75, 1))


def symlog(title: str, values: Iterable[float]) -> Axis:
    """An axis from 0 over many powers of ten: linear up to the smallest of ``values`` above 0.

    Its numbers are 0, where it bends, and the powers of ten that stand well apart from there.
    """
    above = sorted(value for value in values if value > 0)
    if not above:
        return linear(title, (), within=None)
    low, high = above[0], above[-1]
    powers = range(math.ceil(math.log10(2 * low)), math.floor(math.log10(high) + 1e-9) + 1)
    ticks = (0.0, low, *(float(f"1e{power}") for power in powers))
    return Axis(title, 0, max(high, low * 10), ticks, bend=low)


@dataclass(frozen=True)
class Point:
    """A figure in a chart.

    Attributes:
        x, y: where it stands.
        x_span, y_span: its intervals; None where there is none.
        unsure: it is of too few trials to lean on.
        hollow: it is no evidence, because the recogniser asked is one the veil was made with.
        words: what it says.
    """

    x: float
    y: float
    x_span: Span | None
    y_span: Span | None
    unsure: bool
    hollow: bool
    words: str


@dataclass(frozen=True)
class Series:
    """Points of one kind. ``reported`` are others' figures, drawn apart and never joined."""

    name: str
    points: tuple[Point, ...]
    reported: bool = False


@dataclass(frozen=True)
class Chart:
    """Series on two axes; ``clean`` are levels of y to compare with, called ``compared``."""

    title: str
    x: Axis
    y: Axis
    series: tuple[Series, ...]
    clean: tuple[float, ...] = ()
    compared: str = "no veil"

    @property
    def summary(self) -> str:
        """The chart in a sentence."""
        names = ", ".join(one.name for one in self.series)
        return f"{self.title}: {self.y.title} against {self.x.title}. Shown are {names}."


@dataclass(frozen=True)
class Bar:
    """A share; ``clean`` is the same without any veil."""

    name: str
    value: float
    span: Span | None
    clean: float | None
    unsure: bool
    words: str


@dataclass(frozen=True)
class Bars:
    """Groups of bars, each from 0 to 1."""

    title: str
    groups: tuple[tuple[str, tuple[Bar, ...]], ...]


@dataclass(frozen=True)
class Sheet:
    """Charts that share a legend, so that a name has one colour and one shape in all of them."""

    title: str
    caption: str
    charts: tuple[Chart, ...] = ()
    bars: tuple[Bars, ...] = ()

    @property
    def legend(self) -> tuple[str, ...]:
        """Every name, in the order they come."""
        series = [one.name for chart in self.charts for one in chart.series if not one.reported]
        bars = [bar.name for each in self.bars for _, group in each.groups for bar in group]
        return tuple(dict.fromkeys([*series, *bars]))

    @property
    def reported(self) -> bool:
        """Whether others' figures are shown too."""
        return any(one.reported for chart in self.charts for one in chart.series)
