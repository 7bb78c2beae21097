"""``faceveil bench inversion``: train under every defence, attack, and show what it bought."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from faceveil.cli import console, tables

SUMMARY = "Recognition kept, and faces given away, by defence and attack."
"""Here too, so that --help need not load what it is made of."""

PRESET, QUICK = "orl", "quick"
"""The preset where nothing else is named; and the folder of what makes presets small."""


def inversion(  # noqa: PLR0917  the command line passes everything by name
    out: Annotated[Path, typer.Option("--out", "-o", help="Folder for this audit.")],
    preset: Annotated[
        str | None, typer.Option(help=f"Settings that come along; without --config: {PRESET}.")
    ] = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="All of the preset, on a small scale.")
    ] = False,
    config_file: Annotated[
        Path | None, typer.Option("--config", help="The audit's fields in TOML.")
    ] = None,
    set_: Annotated[
        list[str] | None,
        typer.Option("--set", help="One field, such as seeds=[0] or recipe.epochs=5; repeatable."),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(min=1, help="Recognisers at a time. Default: one a core."),
    ] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print the figures as JSON.")] = False,
) -> None:
    """Audit recognisers under several defences."""
    from faceveil.app.engine import resolve
    from faceveil.bench import presets
    from faceveil.bench.audit.run import carry_out

    named = [] if preset is None and config_file is not None else [preset or PRESET]
    if quick:
        named += [f"{QUICK}/{one}" for one in named]
    audit = presets.build_audit(named=named, file=config_file, assignments=set_ or [])
    experiment = partial(
        carry_out, audit, out, device=resolve(device), n_processes=jobs, bar=console.progress
    )
    tables.carry_out(experiment, as_json=as_json)
