"""``faceveil methods``: what there is to veil with, and what can be set."""

from __future__ import annotations

import inspect
import json
from typing import Annotated

import typer
from rich.table import Table

from faceveil.cli import console
from faceveil.core import config
from faceveil.core.described import described, readable


def methods(
    name: Annotated[str | None, typer.Argument(help="Show this method's settings.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """List the methods, or show one with its settings and their defaults."""
    from faceveil.masks.registry import METHODS, method_class

    kinds = METHODS if name is None else {name: method_class(name)}
    if as_json:
        records = {
            kind.name: {
                "summary": kind.summary,
                "method": config.plain(kind()),
                "budget": config.plain(kind.default_budget),
                "views": config.plain(kind.default_views),
                "goal": kind.default_goal,
            }
            for kind in kinds.values()
        }
        typer.echo(json.dumps(records, indent=1))
        return
    page = console.page()
    if name is None:
        table = Table("method", "what it is", box=None, pad_edge=False)
        for kind in kinds.values():
            table.add_row(kind.name, kind.summary)
        page.print(table)
        page.print("`faceveil methods NAME` shows what can be set.")
        return
    kind = kinds[name]
    about, _, _ = (inspect.getdoc(kind) or "").partition("\nAttributes:")
    page.print(readable(about).rstrip(), soft_wrap=True)
    table = Table("setting", "default", "takes", "what it is", box=None, pad_edge=False)
    for room, defaults in (
        ("method", kind()),
        ("budget", kind.default_budget),
        ("views", kind.default_views),
    ):
        for field in described(type(defaults)):
            value = str(getattr(defaults, field.name))
            table.add_row(f"{room}.{field.name}", value, field.kind, field.text)
    table.add_row("run.goal", kind.default_goal, "", "")
    page.print()
    page.print(table)
