"""A figure of a table: what was measured, where it stands, how sure it is, and beside what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from faceveil.measures.rate import Rate


@dataclass(frozen=True)
class Figure:
    """One figure with its interval.

    Attributes:
        measure: what it is, such as ``Rank-1-UT``.
        value: the mean over items, with its count and interval.
        at: where it stands in tables, such as ``{"method": "mim", "victim": "dlib"}``.
        clean: the same measured on the pictures as they were; None where that means nothing.
        reported: what others reported in its place; None where nobody did.
        note: what a reader must know to read it rightly.
    """

    measure: str
    value: Rate
    at: Mapping[str, str] = field(default_factory=dict)
    clean: Rate | None = None
    reported: float | None = None
    note: str = ""

    def record(self) -> dict[str, Any]:
        """The figure as what JSON holds; :meth:`read` is the way back."""
        return {
            "measure": self.measure,
            "at": dict(self.at),
            "value": _rate(self.value),
            "clean": None if self.clean is None else _rate(self.clean),
            "reported": self.reported,
            "note": self.note,
        }

    @classmethod
    def read(cls, record: Mapping[str, Any]) -> Figure:
        """The figure of a :meth:`record`."""
        clean = record["clean"]
        return cls(
            record["measure"],
            Rate(**record["value"]),
            record["at"],
            None if clean is None else Rate(**clean),
            record["reported"],
            record["note"],
        )


def _rate(rate: Rate) -> dict[str, float | None]:
    return {
        "mean": round(rate.mean, 5),
        "n": rate.n,
        "low": round(rate.low, 5),
        "high": round(rate.high, 5),
        "people": rate.people,
    }
