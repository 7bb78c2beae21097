"""``faceveil check``: what recognisers still say of a photo."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceveil.cli import console
from faceveil.core.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.table import Table
    from rich.text import Text

    from faceveil.app.search import Search
    from faceveil.app.verdict import Verdict
    from faceveil.faces.detect import Detector
    from faceveil.io.photo import Photo
    from faceveil.recognisers.recogniser import Recogniser

Before = Annotated[Path, typer.Argument(help="The photo before it was veiled.")]
After = Annotated[Path | None, typer.Argument(help="The veiled photo.")]
Gallery = Annotated[
    Path | None,
    typer.Option(
        help="Instead of AFTER: a folder of people (PERSON/PHOTO.jpg, or PERSON.jpg) to search; "
        "veiled copies (NAME.veiled.jpg) in it are left out."
    ),
]
Top = Annotated[int, typer.Option(min=1, help="With --gallery: how many people to list.")]
Recompress = Annotated[
    int, typer.Option(min=0, max=100, help="Check after JPEG of this quality too; 0: don't.")
]
Resize = Annotated[
    float, typer.Option(min=0.01, max=1, help="Check after resizing by this factor too; 1: don't.")
]
Names = Annotated[
    list[str] | None,
    typer.Option("--recogniser", help="Whom to ask; repeat for more. Default: the bundled three."),
]
Json = Annotated[bool, typer.Option("--json", help="Print the verdict as JSON.")]
Report = Annotated[Path | None, typer.Option(help="Write an HTML report with pictures.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]


def check(
    before: Before,
    after: After = None,
    *,
    gallery: Gallery = None,
    top: Top = 5,
    recompress: Recompress = 75,
    resize: Resize = 0.5,
    recogniser: Names = None,
    json_: Json = False,
    report: Report = None,
    device: Device = "auto",
) -> None:
    """Say whether recognisers still match the faces of BEFORE in AFTER.

    It judges the files alone, as written and after what websites do to photos.
    With --gallery it says instead whom the faces of a photo look like.

    Exit codes: 0 no held-out recogniser matches, 5 one does or none can say,
    2 usage, 3 a file or model cannot be used, 4 no face found. A match that a
    treatment brings back counts here, unlike in the exit code of faceveil
    protect. Where it is unknown which were held out, all recognisers count,
    as they do with --gallery: 5 one takes a face for somebody or cannot say.
    """
    if after is None:
        if gallery is None:
            raise UsageError("Name the veiled photo too, or a folder of people with --gallery.")
        if report is not None:
            raise UsageError("--report needs a photo before and after: leave --gallery out.")
        _search(before, gallery, top, recogniser, device, as_json=json_)
        return
    if gallery is not None:
        raise UsageError("--gallery takes the place of AFTER: leave one of the two out.")
    from faceveil.app import provenance, receipt, sentences
    from faceveil.app.check import compare
    from faceveil.app.treatment import treatments
    from faceveil.app.verdict import record
    from faceveil.io import page
    from faceveil.io.photo import read

    if report is not None:
        page.check(report)
    original, veiled = read(before), read(after)
    if receipt.of_veiled(before, original.sha256) is not None and original.sha256 != veiled.sha256:
        raise UsageError(
            f"{before} is the veiled one, as its receipt says: name the photo without a veil first."
        )
    detector, recognisers = _models(recogniser, device)
    origin = provenance.trace(after, original, veiled)
    judges = [(one, origin.role(one.card)) for one in recognisers]
    verdict = compare(
        original,
        veiled,
        detector,
        sorted(judges, key=lambda judge: judge[1] == "surrogate"),
        treated=treatments(recompress or None, resize),
        notes=origin.notes,
    )
    if report is not None:
        _write_report(report, original, veiled, verdict)
    if json_:
        typer.echo(json.dumps(record(verdict), indent=1, ensure_ascii=False))
    else:
        _print(_answers(verdict), [*verdict.notes, sentences.of_verdict(verdict)])
    raise typer.Exit(0 if verdict.outcome() == "unrecognised" else 5)


def _search(
    path: Path, gallery: Path, top: int, names: list[str] | None, device: str, *, as_json: bool
) -> None:
    from faceveil.app import search, sentences
    from faceveil.io.photo import read

    photo = read(path)
    found = search.search(photo, gallery, *_models(names, device), n_candidates=top)
    if as_json:
        typer.echo(json.dumps(search.record(found), indent=1, ensure_ascii=False))
    else:
        _print(_candidates(found), [*found.notes, *map(sentences.of_search, found.faces)])
    raise typer.Exit(0 if found.nobody else 5)


def _models(names: list[str] | None, device: str) -> tuple[Detector, list[Recogniser]]:
    from faceveil.app.engine import resolve
    from faceveil.faces.detect import Detector
    from faceveil.recognisers import zoo

    where = resolve(device)
    wanted = dict.fromkeys(names or zoo.RECOGNISERS)
    return Detector.load(where), [zoo.load(name, device=where) for name in wanted]


def _print(table: Table, lines: Sequence[str]) -> None:

    out = console.page()
    out.print(table)
    for line in lines:
        out.print(line, soft_wrap=True)


def _answers(verdict: Verdict) -> Table:
    """A row for each face, recogniser and treatment."""
    from faceveil.app.verdict import FARS

    far, *stricter = (f"{far:g}".removeprefix("0") for far in FARS)
    table = _table("Face", "Recogniser", "Role", "Treatment", "Similarity", f"FAR {far}", *stricter)
    for face in verdict.faces:
        for at in range(len(face.conditions[0].matches)):
            for condition in face.conditions:
                match = condition.matches[at]
                table.add_row(
                    str(face.index + 1),
                    match.recogniser,
                    match.role,
                    condition.name,
                    "no face" if match.similarity is None else f"{match.similarity:.3f}",
                    *(_word(match.matched(far)) for far in FARS),
                )
    return table


def _candidates(found: Search) -> Table:
    """A row for each face, recogniser and person."""
    table = _table("Face", "Recogniser", "Rank", "Person", "Similarity", "FAR .01")
    for face in found.faces:
        for ranking in face.rankings:
            for rank, candidate in enumerate(ranking.candidates, start=1):
                table.add_row(
                    str(face.index + 1),
                    ranking.recogniser,
                    str(rank),
                    candidate.label,
                    f"{candidate.similarity:.3f}",
                    _word(ranking.matched(candidate)),
                )
    return table


def _table(*columns: str) -> Table:
    """A table that fits into 80 characters."""
    from rich.table import Table

    table = Table(box=None, padding=(0, 1, 0, 0), pad_edge=False)
    for column in columns:
        table.add_column(column, justify="right" if column == "Similarity" else "left")
    return table


def _word(matched: bool | None) -> Text:
    """An answer in a word."""
    from rich.text import Text

    answers = {True: ("match", "bold red"), False: ("no", "green"), None: ("?", "")}
    return Text(*answers[matched])


def _write_report(path: Path, before: Photo, after: Photo, verdict: Verdict) -> None:
    from importlib.metadata import version

    from faceveil.app.report import Page, render
    from faceveil.io import page

    sizes = {
        "Before": f"{before.name}, {before.pixels.shape[1]} x {before.pixels.shape[0]}",
        "After": f"{after.name}, {after.pixels.shape[1]} x {after.pixels.shape[0]}",
    }
    facts = {
        "Made by": f"faceveil {version('faceveil')}",
        "Date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Command": "check",
        "Treatments": ", ".join(verdict.conditions),
    }
    shown = Page(verdict, before.pixels, after.pixels, sizes)
    html = render([shown], title=f"What recognisers see in {Path(after.name).name}", facts=facts)
    page.write(path, html)
