"""Experiments of the bench on the screen: carried out, their figures, their fields in help."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand

from faceveil.cli import console

if TYPE_CHECKING:
    from faceveil.bench.figure import Figure

FILE_WIDTH = 160
"""The columns of tables that go to a file."""


class WithFields(TyperCommand):
    """An experiment's command: its help goes on with the fields, which must be loaded for it."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """As ever, then the fields."""
        super().format_help(ctx, formatter)
        _print_fields(str(self.name))


def _print_fields(name: str) -> None:
    from rich.padding import Padding

    from faceveil.bench.fields import fields
    from faceveil.bench.registry import EXPERIMENTS

    screen = console.page()
    for title, described in fields(EXPERIMENTS[name]).items():
        screen.print(title)
        for field in described:
            default = f" = {field.default}" if field.default else ""
            screen.print(Padding(f"{field.name}: {field.kind}{default}", (0, 0, 0, 2)))
            screen.print(Padding(field.text, (0, 0, 0, 6)))
        screen.print()


def carry_out(experiment: Callable[[], Sequence[Figure]], *, as_json: bool) -> None:
    """Carry an experiment out and print its figures; one that is stopped says what is kept."""
    try:
        figures = experiment()
    except KeyboardInterrupt:
        console.err.print("Stopped: what is finished is kept; the same command goes on from there.")
        raise
    if as_json:
        typer.echo(json.dumps([figure.record() for figure in figures], indent=1))
    else:
        show(figures)


def show(figures: Sequence[Figure]) -> None:
    """Tables with a row for each place and a column for each measure."""
    from rich.table import Column, Table

    from faceveil.bench.tables import cell, grids

    screen = console.page(file_width=FILE_WIDTH)
    for grid in grids(figures):
        headings = (*grid.places, "n", *grid.measures)
        columns = (Column(heading, overflow="fold") for heading in headings)
        table = Table(*columns, box=None, pad_edge=False)
        for row in grid.rows:
            found = [grid.figures.get((row, measure)) for measure in grid.measures]
            counts = {str(figure.value.n) for figure in found if figure is not None}
            table.add_row(*row, ", ".join(sorted(counts)), *(cell(figure) for figure in found))
        screen.print(table)
        screen.print()
    screen.print(
        "Means over n trials; [the same on clean pictures]; {what others reported}. "
        "Intervals are in figures.json and the report."
    )
