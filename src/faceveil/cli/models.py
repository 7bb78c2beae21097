"""``faceveil models``: the recognisers there are, and adding, pulling and calibrating more."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceveil.cli import console

if TYPE_CHECKING:
    from rich.progress import Progress, ProgressColumn

    from faceveil.recognisers.card import Calibration

app = typer.Typer(help="List, add, fetch, calibrate and remove recognisers.", no_args_is_help=True)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="A name `faceveil models list` shows.")]


@app.command("list")
def list_models(as_json: AsJson = False) -> None:
    """List the bundled recognisers, those you added, and those that can be pulled."""
    rows = _rows()
    if as_json:
        typer.echo(json.dumps(rows, indent=2))
        return
    from rich.table import Table

    table = Table("name", "from", "what", "licence", "threshold at FAR .01", box=None)
    for row in rows:
        threshold = "" if row["threshold"] is None else f"{row['threshold']:.3f}"
        texts = (str(row[key] or "") for key in ("name", "from", "title", "licence"))
        table.add_row(*texts, threshold)
    console.page().print(table)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="A name, or the path of a card.")],
    as_json: AsJson = False,
) -> None:
    """Show a recogniser's card: origin, licence, crop and thresholds."""
    from faceveil.core import config
    from faceveil.recognisers import pull, zoo
    from faceveil.recognisers.card import read_card

    known = name in zoo.names() or name not in pull.URLS
    card = read_card(zoo.locate(name)) if known else pull.cards()[name]
    if as_json:
        typer.echo(json.dumps(config.plain(card), indent=2))
        return
    from rich.table import Table

    crop = card.crop
    facts = {
        "name": card.name,
        "what": card.title,
        "licence": card.licence,
        "source": card.source,
        "weights": str(zoo.locate(name).with_name(card.weights)) if known else "not pulled yet",
        "SHA-256": card.sha256,
        "input": f"{crop.size_px} x {crop.size_px} {crop.channels.upper()}, "
        f"(x - {_numbers(crop.mean)}) / {_numbers(crop.std)}",
        "output": f"{card.embedding_size} numbers",
    }
    page = console.page()
    table = Table(show_header=False, box=None)
    for key, value in facts.items():
        table.add_row(key, value)
    page.print(table)
    if card.calibration is None:
        page.print(f"\nNo thresholds: run faceveil models calibrate {name} --data DIR.")
    else:
        page.print()
        _print_calibration(card.calibration)


@app.command()
def add(
    onnx: Annotated[Path, typer.Argument(metavar="FILE.onnx", help="The network.")],
    card: Annotated[Path, typer.Option(help="Its card (TOML); an empty sha256 is filled in.")],
) -> None:
    """Add a recogniser of your own: an ONNX file and a card."""
    from faceveil.app import models

    added = models.add(onnx, card)
    typer.echo(f"Added {added.name}. Thresholds: faceveil models calibrate {added.name} --data DIR")


@app.command()
def remove(name: Name) -> None:
    """Delete a recogniser you added or pulled: its network and its card."""
    from faceveil.app import models

    models.remove(name)
    typer.echo(f"{name} is removed.")


@app.command()
def calibrate(
    name: Annotated[str, typer.Argument(help="A recogniser you added, or the path of its card.")],
    data: Annotated[Path, typer.Option(help="A folder of folders of photos, one a person.")],
    first: Annotated[
        int | None, typer.Option(min=2, help="Take only the first N people in name order.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
) -> None:
    """Find a recogniser's thresholds at false accept rates .01, .001 and .0001."""
    from faceveil.app import models
    from faceveil.app.engine import resolve

    where = resolve(device)
    with _photos() as progress:
        done = models.calibrate_card(
            name,
            data,
            first=first,
            device=where,
            progress=progress,
        )
    for path in done.skipped:
        typer.echo(f"skipped {path}: no face, or no photo", err=True)
    if done.card.calibration is not None:
        _print_calibration(done.card.calibration)
    typer.echo(f"Written to {done.path}.")


@app.command()
def team(  # noqa: PLR0917  the command line passes everything by name
    data: Annotated[Path, typer.Option(help="A folder of folders of photos, one a person.")],
    size: Annotated[int, typer.Option(min=2, help="Recognisers in a team.")] = 2,
    recogniser: Annotated[
        list[str] | None,
        typer.Option(help="Who may be in a team; repeat for more. Default: all there are."),
    ] = None,
    first: Annotated[
        int | None, typer.Option(min=2, help="Take only the first N people in name order.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")] = "auto",
    as_json: AsJson = False,
) -> None:
    """Rank teams of recognisers by focal diversity: how rarely they fail on the same pairs."""
    from faceveil.app import team as use_case
    from faceveil.app.engine import resolve
    from faceveil.core import config

    where = resolve(device)
    with _photos() as progress:
        ranked = use_case.rank(
            data,
            size,
            recogniser,
            first=first,
            device=where,
            progress=progress,
        )
    if as_json:
        typer.echo(json.dumps([config.plain(one) for one in ranked.teams], indent=1))
        return
    from rich.table import Table

    table = Table("team", "focal diversity", "pairs judged rightly", box=None)
    for one in ranked.teams:
        diversity = "no failure" if one.diversity is None else f"{one.diversity:.3f}"
        table.add_row(", ".join(one.members), diversity, f"{one.accuracy:.4f}")
    console.page().print(table)
    typer.echo(
        f"{ranked.n_pairs:,} pairs of photos of {ranked.n_people} people, each recogniser at its "
        "own threshold for a false accept rate of .01 among them."
    )


@app.command()
def pull(name: Name) -> None:
    """Fetch a public recogniser and check that it is the file its card names."""
    from faceveil.recognisers import pull as source

    with _bytes() as bar:
        task = bar.add_task(f"pulling {name}", total=None)
        path = source.pull(name, lambda n, total: bar.update(task, completed=n, total=total))
    typer.echo(
        f"{name} is in {path.parent}. Thresholds: faceveil models calibrate {name} --data DIR"
    )


def _rows() -> list[dict[str, object]]:
    from faceveil.core.errors import ModelError
    from faceveil.recognisers import pull, zoo
    from faceveil.recognisers.card import Card, read_card

    def row(name: str, origin: str, card: Card) -> dict[str, object]:
        thresholds = card.calibration.thresholds if card.calibration else ()
        at_one_percent = next((t.cosine for t in thresholds if t.far == 0.01), None)
        return {
            "name": name,
            "from": origin,
            "title": card.title,
            "licence": card.licence,
            "threshold": at_one_percent,
        }

    rows = []
    for name in zoo.names():
        origin = "bundled" if name in zoo.RECOGNISERS else "yours"
        try:
            rows.append(row(name, origin, read_card(zoo.locate(name))))
        except ModelError as error:
            broken = {"title": f"unusable: {error}", "licence": None, "threshold": None}
            rows.append({"name": name, "from": origin, **broken})
    here = set(zoo.names())
    rows += [row(name, "pull", card) for name, card in pull.cards().items() if name not in here]
    return rows


def _print_calibration(calibration: Calibration) -> None:
    from rich.table import Table

    table = Table("FAR", "cosine", "TAR", box=None)
    for threshold in calibration.thresholds:
        table.add_row(f"{threshold.far:g}", f"{threshold.cosine:.3f}", f"{threshold.tar:.3f}")
    page = console.page()
    page.print(
        f"Thresholds from {calibration.data}: {calibration.n_genuine:,} genuine and "
        f"{calibration.n_impostor:,} impostor pairs, faces found by {calibration.detector}."
    )
    page.print(table)


@contextmanager
def _photos() -> Iterator[Callable[[int, int], None]]:
    """A bar; gives what is told how many photos of how many are done."""
    from rich import progress as rich

    with _bar(rich.MofNCompleteColumn(), rich.TimeRemainingColumn()) as bar:
        task = bar.add_task("embedding photos", total=None)
        yield lambda n, total: bar.update(task, completed=n, total=total)


def _bytes() -> Progress:
    from rich import progress as rich

    return _bar(rich.DownloadColumn(), rich.TransferSpeedColumn(), rich.TimeRemainingColumn())


def _bar(*columns: ProgressColumn) -> Progress:
    from rich import progress as rich

    text, bar = rich.TextColumn("{task.description}"), rich.BarColumn()
    return rich.Progress(
        text,
        bar,
        *columns,
        console=console.err,
        transient=True,
        disable=not console.err.is_terminal,
    )


def _numbers(values: tuple[float, ...]) -> str:
    same = len(set(values)) == 1
    return f"{values[0]:g}" if same else "(" + ", ".join(f"{value:g}" for value in values) + ")"
