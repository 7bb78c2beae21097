"""Ranges: what they hold, what they are called, and that every setting has one."""

from __future__ import annotations

import importlib
import math
import pkgutil
import typing
from dataclasses import dataclass, fields
from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

import faceveil
from faceveil.core.budget import Budget
from faceveil.core.config import Strict
from faceveil.core.errors import UsageError
from faceveil.core.ranges import (
    Count,
    Decay,
    Finite,
    Fraction,
    NonNegative,
    Positive,
    Range,
    ranges,
)


@dataclass(frozen=True)
class Dials(Strict):
    """One of every kind."""

    turns: Count = 1
    force: Positive = 1.0
    give: NonNegative | None = None
    marks: tuple[Fraction, ...] = (0.5,)
    shade: Decay = 0.0
    mode: typing.Literal["all"] | Count = "all"


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("turns", 0, "dials: turns must be at least 1, not 0."),
        ("force", 0.0, "dials: force must be above 0, not 0."),
        ("force", math.inf, "dials: force must be above 0, not inf."),
        ("give", -0.5, "dials: give must be at least 0, not -0.5."),
        ("marks", (0.1, 1.0), "dials: marks must be in (0, 1), not 1."),
        ("shade", math.nan, "dials: shade must be in [0, 1), not nan."),
        ("mode", 0, "dials: mode must be at least 1, not 0."),
    ],
)
def test_what_lies_outside_is_refused_by_name(field: str, value: object, said: str) -> None:
    with pytest.raises(UsageError) as refused:
        Dials(**{field: value})  # type: ignore[arg-type]
    assert str(refused.value) == said


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(UsageError, match=r"turns must be .*; force must be "):
        Dials(turns=-1, force=-1.0)


def test_what_lies_inside_is_taken() -> None:
    Dials(turns=7, force=1e-9, give=0.0, marks=(0.01, 0.99), shade=0.999, mode=3)


@given(st.floats(-10, 10), st.floats(-10, 10), st.floats(-10, 10), st.booleans(), st.booleans())
def test_an_end_belongs_to_a_range_that_is_not_open_there(
    low: float, high: float, value: float, open_low: bool, open_high: bool
) -> None:
    span = Range(low, high, open_low, open_high)
    assert (value in span) == (low <= value <= high) - (
        (low <= value <= high) and ((open_low and value == low) or (open_high and value == high))
    )


@pytest.mark.parametrize(
    ("annotation", "said"),
    [
        (Count, "at least 1"),
        (Positive, "above 0"),
        (Finite, "finite"),
        (Fraction, "in (0, 1)"),
        (Annotated[float, Range(high=100)], "at most 100"),
        (Annotated[float, Range(high=0, open_high=True)], "below 0"),
    ],
)
def test_a_range_is_called_what_it_is(annotation: object, said: str) -> None:
    (span,) = ranges(annotation)
    assert str(span) == said


FREE = {
    "faceveil.training.instahide.InstaHide.k": "checked where its strategy is made",
    "faceveil.training.strategy.StrategySettings.k": "one of a few",
    "faceveil.training.strategy.StrategySettings.target": "inf for no bound",
}
"""Numbers among the settings that no range fits."""


def test_every_number_that_can_be_set_states_its_range() -> None:
    rooms = ("masks", "inversion", "training")
    for room in rooms:
        for module in pkgutil.walk_packages(
            [f"{faceveil.__path__[0]}/{room}"], f"faceveil.{room}."
        ):
            importlib.import_module(module.name)
    kinds = {Budget} | {one for one in _kinds(Strict) if _room(one) in rooms}
    assert len(kinds) > 60
    free = {
        f"{kind.__module__}.{kind.__qualname__}.{field.name}"
        for kind in kinds
        for field in fields(kind)
        if field.name in kind.__annotations__ and field.name != "seed"
        if _is_number(hint := typing.get_type_hints(kind, include_extras=True)[field.name])
        if not any(ranges(hint))
    }
    assert free == FREE.keys()


def _room(kind: type) -> str:
    package, _, module = kind.__module__.partition(".")
    return module.partition(".")[0] if package == "faceveil" else ""


def _kinds(base: type) -> set[type]:
    return {base}.union(*(_kinds(one) for one in base.__subclasses__())) - {Strict}


def _is_number(hint: object) -> bool:
    return hint in (int, float) or any(map(_is_number, typing.get_args(hint)))
