"""Protocols by name: with their defaults, with a preset that comes along, or with a user's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from faceveil.bench.protocol import Protocol
from faceveil.bench.registry import PROTOCOLS
from faceveil.core import config
from faceveil.core.errors import UsageError

FOLDER = Path(__file__).parent / "preset_files"


def presets(name: str) -> list[str]:
    """The presets of a protocol."""
    return sorted(path.stem for path in (FOLDER / name).glob("*.toml"))


def build(
    name: str,
    *,
    preset: str | None = None,
    file: Path | None = None,
    wanted: Mapping[str, Any],
    assignments: Sequence[str] = (),
) -> Protocol:
    """A protocol; what is named later here wins.

    Args:
        name: of the protocol.
        preset: of :func:`presets`.
        file: TOML with the protocol's fields.
        wanted: fields by name.
        assignments: ``field=value``, see :func:`faceveil.core.config.assign`.

    Raises:
        UsageError: a name is unknown or a field unsuitable; it is named.
    """
    if name not in PROTOCOLS:
        raise UsageError(f"There is no protocol {name!r}; there are {', '.join(PROTOCOLS)}.")
    files = [] if file is None else [file]
    if preset is not None:
        if preset not in presets(name):
            known = ", ".join(presets(name)) or "none"
            raise UsageError(f"{name} has no preset {preset!r}; there are: {known}.")
        files.insert(0, FOLDER / name / f"{preset}.toml")
    values = config.layered(files, wanted, assignments)
    if (other := values.pop("protocol", name)) != name:
        raise UsageError(f"These settings are of the protocol {other!r}, not of {name}.")
    return config.build(PROTOCOLS[name], values, where=name)
