"""A run's folder: whose it is, and how its files are written."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from faceveil.bench.origins import LIBRARIES, card_of
from faceveil.core.errors import UsageError
from faceveil.io import atomic

PROTOCOL, ENVIRONMENT, FIGURES = "protocol.toml", "environment.json", "figures.json"
RESULTS, TIMINGS, CODE = "results.jsonl", "timings.jsonl", "code.txt"


def claim(folder: Path, text: str) -> None:
    """Makes ``folder`` that of the run whose protocol is written as ``text``.

    Raises:
        UsageError: it is another's.
    """
    path = folder / PROTOCOL
    if path.is_file() and path.read_bytes() != text.encode():
        raise UsageError(
            f"{folder} holds a run of another protocol or of other settings: name a new folder."
        )
    atomic.write(path, text.encode(), overwrite=True)


def keep_to(folder: Path, code: str) -> None:
    """Refuses to go on with a run by other code or libraries than it was begun with.

    The cache of other runs does that item by item; an audit keeps files of its own.

    Raises:
        UsageError: it was begun by others.
    """
    path = folder / CODE
    there = path.read_text(encoding="utf-8") if path.is_file() else code
    if there != code:
        raise UsageError(
            f"{folder} was begun by another faceveil or other libraries ({there}; these are "
            f"{code}): go on with those, or name a new folder."
        )
    atomic.write(path, code.encode(), overwrite=True)


def environment(recognisers: Iterable[str], device: str) -> dict[str, Any]:
    """What a run was made with."""
    return {
        "versions": {name: version(name) for name in ("faceveil", *LIBRARIES)},
        "python": platform.python_version(),
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "device": device,
        "recognisers": {name: card_of(name).sha256 for name in recognisers},
    }


@contextmanager
def one_thread() -> Iterator[None]:
    """The last digits of a sum may depend on how many threads share it."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def write(path: Path, value: Any) -> None:
    """A value as JSON."""
    atomic.write(path, (json.dumps(value, indent=1) + "\n").encode(), overwrite=True)


def write_lines(path: Path, values: Sequence[Any]) -> None:
    """Values as JSON, a line each."""
    lines = "".join(json.dumps(value, sort_keys=True) + "\n" for value in values)
    atomic.write(path, lines.encode(), overwrite=True)
