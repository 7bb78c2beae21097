"""Figures as tables: a row for each place, a column for each measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from faceveil.bench.figure import Figure


@dataclass(frozen=True)
class Grid:
    """Figures that stand at places of the same kind, such as method, surrogate and victim.

    Attributes:
        places: the kinds of place.
        measures: what was measured.
        figures: by row of places and measure; a measure a place lacks is missing.
    """

    places: tuple[str, ...]
    measures: tuple[str, ...]
    figures: dict[tuple[tuple[str, ...], str], Figure]

    @property
    def rows(self) -> list[tuple[str, ...]]:
        """The places of each row, in the order they were measured."""
        return list(dict.fromkeys(row for row, _ in self.figures))


def grids(figures: Sequence[Figure]) -> list[Grid]:
    """The figures, those at places of one kind together, in the order they were measured."""
    result = []
    for places in dict.fromkeys(tuple(figure.at) for figure in figures):
        here = [figure for figure in figures if tuple(figure.at) == places]
        measures = tuple(dict.fromkeys(figure.measure for figure in here))
        by_place = {(tuple(figure.at.values()), figure.measure): figure for figure in here}
        result.append(Grid(places, measures, by_place))
    return result


def cell(figure: Figure | None) -> str:
    """The mean and, in brackets, the same on clean pictures, such as ``0.84 [0.12]``."""
    if figure is None:
        return ""
    clean = "" if figure.clean is None else f" [{number(figure.clean.mean)}]"
    reported = "" if figure.reported is None else f" {{{number(figure.reported)}}}"
    return f"{number(figure.value.mean)}{clean}{reported}"


def number(value: float) -> str:
    """Two places for shares, one for what is larger."""
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}"
