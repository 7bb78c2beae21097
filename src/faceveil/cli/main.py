"""The command line: verbs, and how an error becomes one line and an exit code."""

from __future__ import annotations

import io
import sys
from typing import Annotated

import typer

from faceveil.cli import (
    bench,
    check,
    enrol,
    invert,
    keys,
    methods,
    models,
    protect,
    reveal,
    trace,
    train,
)
from faceveil.core.errors import FaceveilError

app = typer.Typer(
    name="faceveil",
    help="Veil faces in photos so that face recognisers nobody authorised match them to someone "
    "else, and check on recognisers that never saw the veil.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
)
app.command("protect")(protect.protect)
app.command("check")(check.check)
app.command("enrol")(enrol.enrol)
app.command("reveal")(reveal.reveal)
app.command("trace")(trace.trace)
app.command("methods")(methods.methods)
app.command("train")(train.train)
app.command("invert")(invert.invert)
app.add_typer(keys.app, name="keys")
app.add_typer(models.app, name="models")
app.add_typer(bench.app, name="bench")


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    """Options that stand before a verb."""
    if version:
        from importlib.metadata import version as installed

        typer.echo(f"faceveil {installed('faceveil')}")
        raise typer.Exit


def run() -> None:
    """Run the command line; every faceveil error becomes one line on stderr and its exit code."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # names of files may not be Unicode
    try:
        app()
    except FaceveilError as error:
        typer.echo(f"faceveil: {error}", err=True)
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:  # a last resort: what is likely to go wrong is said where it does
        where = "" if error.filename is None else f"{error.filename}: "
        typer.echo(f"faceveil: {where}{error.strerror or error}.", err=True)
        sys.exit(3)
