"""Figures at two kinds of place as matrices, where a grid has both."""

from __future__ import annotations

from dataclasses import dataclass

from faceveil.bench.figure import Figure
from faceveil.bench.plots.marks import BARE
from faceveil.bench.tables import Grid


@dataclass(frozen=True)
class Sides:
    """Two kinds of place, and how a matrix words them.

    ``measures`` are those shown; all if empty.
    """

    row: str
    column: str
    row_words: str
    column_words: str
    measures: tuple[str, ...] = ()


SIDES = (
    Sides("surrogate", "victim", "made with", "asked"),
    Sides("defence", "attack", "trained with", "attacked by", ("Acc@1", "NN@1")),
)


@dataclass(frozen=True)
class Matrix:
    """One measure, a row and a column for each place of its sides.

    ``place`` is where else it stands, such as ``tip-im, gamma 0.1``.
    """

    measure: str
    place: str
    sides: Sides
    columns: tuple[str, ...]
    rows: tuple[tuple[str, tuple[Figure | None, ...]], ...]


def matrices(grid: Grid) -> list[Matrix]:
    """A matrix for each measure and place of ``grid``; none if it lacks a side."""
    sides = next((one for one in SIDES if {one.row, one.column} <= set(grid.places)), None)
    if sides is None:
        return []
    found: dict[tuple[str, str], dict[tuple[str, str], Figure]] = {}
    for (_, measure), figure in grid.figures.items():
        place = ", ".join(
            value if kind in BARE else f"{kind} {value}"
            for kind, value in figure.at.items()
            if kind not in (sides.row, sides.column)
        )
        cells = found.setdefault((measure, place), {})
        cells[figure.at[sides.row], figure.at[sides.column]] = figure
    return [
        _matrix(measure, place, sides, cells)
        for (measure, place), cells in found.items()
        if not sides.measures or measure in sides.measures
    ]


def _matrix(measure: str, place: str, sides: Sides, cells: dict[tuple[str, str], Figure]) -> Matrix:
    columns = tuple(dict.fromkeys(column for _, column in cells))
    rows = [
        (row, tuple(cells.get((row, column)) for column in columns))
        for row in dict.fromkeys(row for row, _ in cells)
    ]
    return Matrix(measure, place, sides, columns, tuple(rows))
