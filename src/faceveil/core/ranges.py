"""Ranges of settings, stated in the fields' annotations, held to wherever a setting is made."""

from __future__ import annotations

import functools
import math
import typing
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Annotated, Any


@dataclass(frozen=True)
class Range:
    """Finite numbers from ``low`` to ``high``, or between them where ends are open."""

    low: float = -math.inf
    high: float = math.inf
    open_low: bool = False
    open_high: bool = False

    def __contains__(self, value: float) -> bool:
        above = value > self.low if self.open_low else value >= self.low
        below = value < self.high if self.open_high else value <= self.high
        return math.isfinite(value) and above and below

    def __str__(self) -> str:
        if math.isfinite(self.low) and math.isfinite(self.high):
            left, right = "[("[self.open_low], "])"[self.open_high]
            return f"in {left}{self.low:g}, {self.high:g}{right}"
        if math.isfinite(self.low):
            return f"{'above' if self.open_low else 'at least'} {self.low:g}"
        if math.isfinite(self.high):
            return f"{'below' if self.open_high else 'at most'} {self.high:g}"
        return "finite"


Count = Annotated[int, Range(1)]
Natural = Annotated[int, Range(0)]
Finite = Annotated[float, Range()]
Positive = Annotated[float, Range(0, open_low=True)]
Multiple = Annotated[float, Range(1)]
NonNegative = Annotated[float, Range(0)]
Share = Annotated[float, Range(0, 1)]
PositiveShare = Annotated[float, Range(0, 1, open_low=True)]
Fraction = Annotated[float, Range(0, 1, open_low=True, open_high=True)]
Decay = Annotated[float, Range(0, 1, open_high=True)]
"""What is kept from step to step: all of it would never change."""
Quality = Annotated[float, Range(high=100)]
"""A SSIMULACRA2: 90 is visually lossless, 70 high and 50 medium quality."""
Levels = Annotated[float, Range(0, 255, open_low=True)]
"""A change of pixels, in 1/255."""


def faults(config: Any) -> list[str]:
    """What is wrong with the fields of a dataclass, each in words: ``steps must be at least 1``."""
    return [
        f"{name} must be {wanted}, not {value:g}"
        for name, hint in _hints(type(config)).items()  # type: ignore[arg-type]
        for wanted, value in _outside(hint, getattr(config, name))
    ]


def ranges(hint: Any) -> Iterator[Range]:
    """Every range an annotation states, of the parts of a union or tuple too."""
    if typing.get_origin(hint) is Annotated:
        yield from (one for one in hint.__metadata__ if isinstance(one, Range))
    for inner in typing.get_args(hint):
        yield from ranges(inner)


@functools.cache
def _hints(config: Hashable) -> dict[str, Any]:
    """The fields whose annotations state ranges."""
    hints = typing.get_type_hints(config, include_extras=True)
    return {name: hint for name, hint in hints.items() if any(ranges(hint))}


def _outside(hint: Any, value: Any) -> Iterator[tuple[Range, float]]:
    """Each number of ``value`` that lies outside what its annotation states."""
    if typing.get_origin(hint) is Annotated and isinstance(value, (int, float)):
        yield from ((one, value) for one in ranges(hint) if value not in one)
    elif isinstance(value, tuple):
        inner = next(iter(typing.get_args(hint)))
        for one in value:
            yield from _outside(inner, one)
    elif value is not None:
        for inner in typing.get_args(hint):
            yield from _outside(inner, value)
