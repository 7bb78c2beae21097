"""``faceveil invert``: try to get faces back out of a recogniser, and say how far that went."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.table import Table

from faceveil.cli import console

if TYPE_CHECKING:
    from faceveil.app.invert import Inverted

SHOWN = ("Acc@1", "Acc@5", "NN@1", "cosine", "verified", "SSIM", "PSNR")
"""Figures of reconstructions that the table has room for; figures.json has all."""

WIDTH = 150
"""Of the table, where there is no terminal to say."""


def invert(  # noqa: PLR0917  the command line passes everything by name
    model: Annotated[
        str, typer.Argument(help="Folder of a run of faceveil train, or a recogniser.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of this inversion.")],
    attack: Annotated[
        list[str] | None,
        typer.Option(help="An attack, or all; repeatable. Default: eigenfaces."),
    ] = None,
    people: Annotated[
        str, typer.Option(help="Whom to recover: NAME, FIRST-LAST or START:STOP.")
    ] = ":",
    data: Annotated[
        str | None,
        typer.Option(help="Folder laid out as PERSON/PHOTO.jpg, or orl; default: the run's own."),
    ] = None,
    public: Annotated[
        str | None,
        typer.Option(help="The attacker's own faces: other people of the data, or a folder."),
    ] = None,
    judge: Annotated[
        str | None, typer.Option(help="Recogniser that compares; never the one attacked.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="One field, such as eigenfaces.steps=50; repeatable."),
    ] = None,
    untrained: Annotated[
        bool, typer.Option(help="Attack an untrained recogniser too, for a floor.")
    ] = True,
    seed: Annotated[int, typer.Option(help="Where every random draw begins.")] = 0,
    crops: Annotated[
        Path | None, typer.Option(help="Folder of the data's cut-out faces, if shared.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Audit a recogniser: try to recover the faces it was trained on, and have that judged.

    For recognisers of your own. Run it again to go on where it stopped. The contact sheet shows
    private photos: it is for you alone.
    """
    from faceveil.app import invert as use_case
    from faceveil.app.engine import resolve
    from faceveil.inversion.registry import chosen

    request = use_case.Request(
        model=model,
        attacks=chosen(attack or ["eigenfaces"], set_ or []),
        people=people,
        data=data or "",
        public=public or "",
        judge=judge or "",
        untrained=untrained,
        seed=seed,
    )
    done = use_case.invert(
        request, out, bar=console.progress, device=resolve(device), crops_folder=crops
    )
    for obstacle in done.left_out.values():
        console.err.print(obstacle)
    if as_json:
        typer.echo(json.dumps([asdict(outcome) for outcome in done.outcomes], indent=1))
        return
    _show(done)
    typer.echo(f"{out / use_case.SHEET} shows private photos beside what was recovered.")


def _show(done: Inverted) -> None:
    """A table of reconstructions, judged, and a line for each other figure."""
    table = Table(box=None, pad_edge=False)
    for name in ("what", "of", *SHOWN):
        table.add_column(name, no_wrap=True)
    for outcome in done.outcomes:
        if "Acc@1" in outcome.figures:
            figures = [outcome.figures[name] for name in SHOWN]
            cells = [f"{one.mean:.3f}\n{one.low:.3f} to {one.high:.3f}" for one in figures]
            n = outcome.figures["Acc@1"].n
            table.add_row(outcome.title, f"{outcome.victim or outcome.threat}\nn = {n}", *cells)
        else:
            for name, figure in outcome.figures.items():
                typer.echo(f"{outcome.title}, {name}: {figure}")
    console.page(file_width=WIDTH).print(table)
    typer.echo(f"Judged by {done.judge}; 95 % intervals over people.")
