"""A run's folder, read back."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from pathlib import Path
from typing import Any, TypeVar

from faceveil.bench.audit.found import Found
from faceveil.bench.audit.protocol import Inversion
from faceveil.bench.figure import Figure
from faceveil.bench.registry import PROTOCOLS
from faceveil.core import config
from faceveil.core.config import Strict
from faceveil.core.described import toml
from faceveil.core.errors import UsageError

T = TypeVar("T")


@dataclass(frozen=True)
class Line(Strict):
    """One line of ``results.jsonl``: what came of one picture under one arm.

    Attributes:
        arm: the way it was veiled; empty for the picture as it is.
        cosine: by victim and treatment, the greatest to another picture of the person; None where
            there is none.
        fault: why there is nothing to judge; None if there is.
    """

    arm: str
    picture: str
    person: str
    sha256: str
    fault: str | None
    damage: dict[str, float]
    cosine: dict[str, dict[str, float | None]]


@dataclass(frozen=True)
class Finished:
    """A finished run.

    Attributes:
        name: of its folder.
        folder: where it lies.
        protocol: what ``protocol.toml`` says.
        environment: what ``environment.json`` says.
        figures: what was measured.
        lines: what came of every item.
        seconds: how long each veil took when it was made, or each recogniser to train or attack.
        found: what came of every recogniser, if the run is an audit; then it has no lines.
    """

    name: str
    folder: Path
    protocol: Mapping[str, Any]
    environment: Mapping[str, Any]
    figures: tuple[Figure, ...]
    lines: tuple[Line, ...]
    seconds: tuple[float, ...]
    found: tuple[Found, ...] = ()

    @property
    def command(self) -> str:
        """What measures it again, with the fields that differ from the protocol's own."""
        name = self.protocol["protocol"]
        if name == Inversion.name:
            return shlex.join(["faceveil", "bench", name, "--config", "protocol.toml", "-o", "RUN"])
        data = self.protocol["data"]
        usual = config.plain(PROTOCOLS[name](data=data))
        parts = ["faceveil", "bench", name, "--data", data if data == "orl" else "DIR", "-o", "RUN"]
        for field, value in without_paths(self.protocol).items():
            if field not in ("protocol", "data") and value != usual.get(field):
                parts += ["--set", f"{field}={toml(value)}"]
        return shlex.join(parts)

    @property
    def date(self) -> Date:
        """When its figures were written."""
        return Date.fromtimestamp((self.folder / "figures.json").stat().st_mtime)


def read_run(folder: Path) -> Finished:
    """The run that lies in ``folder``.

    Raises:
        UsageError: a file is missing or damaged; it is named.
    """
    results, timings = folder / "results.jsonl", folder / "timings.jsonl"
    figures = read_figures(folder)
    (environment,) = _records(folder / "environment.json", [_text(folder / "environment.json")])
    protocol = config.read(folder / "protocol.toml")
    records = _records(results, _text(results).splitlines())
    if "protocol" not in protocol:
        raise UsageError(f"{folder / 'protocol.toml'}: is damaged (no protocol): run again.")
    timed = _records(timings, _text(timings).splitlines(), "seconds")
    is_audit = protocol["protocol"] == Inversion.name
    return Finished(
        folder.resolve().name,
        folder,
        protocol,
        environment,
        tuple(figures),
        () if is_audit else _built(Line, records, results),
        tuple(record["seconds"] for record in timed),
        _built(Found, records, results) if is_audit else (),
    )


def _built(kind: type[T], records: Sequence[dict[str, Any]], path: Path) -> tuple[T, ...]:
    return tuple(config.build(kind, record, where=str(path)) for record in records)


def read_figures(folder: Path) -> list[Figure]:
    """The figures of a finished run.

    Raises:
        UsageError: there are none.
    """
    try:
        records = json.loads((folder / "figures.json").read_text(encoding="utf-8"))
        return [Figure.read(record) for record in records]
    except OSError:
        raise UsageError(f"{folder} holds no finished run: there is no figures.json.") from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{folder / 'figures.json'} is damaged ({error}): run again.") from None


def without_paths(value: Any) -> Any:
    """A nested value with file names for absolute paths, which tell where somebody keeps things."""
    if isinstance(value, Mapping):
        return {without_paths(key): without_paths(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [without_paths(inner) for inner in value]
    return Path(value).name if isinstance(value, str) and Path(value).is_absolute() else value


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}): run again.") from None


def _records(path: Path, texts: Sequence[str], *needed: str) -> list[dict[str, Any]]:
    """What each of these parts of a file says, which holds the keys needed at least."""
    try:
        records = [dict(json.loads(text)) for text in texts]
        if missing := [key for key in needed for record in records if key not in record]:
            raise ValueError(f"a line without {missing[0]}")
        return records
    except (ValueError, TypeError) as error:
        raise UsageError(f"{path}: is damaged ({error}): run again.") from None
