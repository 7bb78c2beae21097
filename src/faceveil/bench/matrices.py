"""Figures by surrogate and victim as matrices, where a grid has both."""

from __future__ import annotations

from dataclasses import dataclass

from faceveil.bench.figure import Figure
from faceveil.bench.plots.marks import BARE
from faceveil.bench.tables import Grid

SIDES = {"surrogate", "victim"}


@dataclass(frozen=True)
class Matrix:
    """One measure, a row for each surrogate and a column for each victim.

    ``place`` is where else it stands, such as ``tip-im, gamma 0.1``.
    """

    measure: str
    place: str
    victims: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Figure | None, ...]], ...]


def matrices(grid: Grid) -> list[Matrix]:
    """A matrix for each measure and place of ``grid``; none if it lacks a side."""
    if not set(grid.places) >= SIDES:
        return []
    found: dict[tuple[str, str], dict[tuple[str, str], Figure]] = {}
    for (_, measure), figure in grid.figures.items():
        place = ", ".join(
            value if kind in BARE else f"{kind} {value}"
            for kind, value in figure.at.items()
            if kind not in SIDES
        )
        cells = found.setdefault((measure, place), {})
        cells[figure.at["surrogate"], figure.at["victim"]] = figure
    result = []
    for (measure, place), cells in found.items():
        surrogates = dict.fromkeys(surrogate for surrogate, _ in cells)
        victims = tuple(dict.fromkeys(victim for _, victim in cells))
        rows = [
            (surrogate, tuple(cells.get((surrogate, victim)) for victim in victims))
            for surrogate in surrogates
        ]
        result.append(Matrix(measure, place, victims, tuple(rows)))
    return result
