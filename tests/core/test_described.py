"""Fields as their docstrings describe them."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from faceveil.core.described import Described, described, readable
from faceveil.core.ranges import Count, Share


@dataclass(frozen=True)
class Lamp:
    """A lamp.

    Attributes:
        bulbs: how
            many.
        glow, haze: see :func:`~faceveil.core.described.described`; ``0`` for none.
    """

    bulbs: Count
    glow: Share | None = None
    haze: tuple[Share, ...] = (0.5, 1.0)
    colour: Literal["red", "blue"] = "red"
    parts: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Torch(Lamp):
    """A lamp to carry.

    Attributes:
        weight: in grams.
    """

    weight: float = 80.0


def test_fields_are_described_by_the_class_that_has_them() -> None:
    assert described(Torch) == [
        Described("bulbs", "int, at least 1", "", "how many."),
        Described("glow", "float | None, in [0, 1]", "null", "see described; 0 for none."),
        Described(
            "haze", "tuple[float, ...], in [0, 1]", "[0.5, 1.0]", "see described; 0 for none."
        ),
        Described("colour", '"red" | "blue"', '"red"', ""),
        Described("parts", "dict[str, int]", "{}", ""),
        Described("weight", "float", "80.0", "in grams."),
    ]


def test_markup_goes() -> None:
    text = ":class:`~faceveil.masks.veil.Veil` with ``steps``, see :mod:`faceveil.masks`."
    assert readable(text) == "Veil with steps, see faceveil.masks."
