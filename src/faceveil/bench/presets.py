"""Protocols by name: with their defaults, with a preset that comes along, or with a user's file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from faceveil.bench.audit.protocol import Inversion
from faceveil.bench.protocol import Protocol
from faceveil.bench.registry import PROTOCOLS
from faceveil.core import config
from faceveil.core.errors import UsageError

FOLDER = Path(__file__).parent / "preset_files"


def presets(name: str) -> list[str]:
    """The presets of an experiment; those in a folder are laid over others."""
    folder = FOLDER / name
    paths = (path.relative_to(folder).with_suffix("") for path in folder.rglob("*.toml"))
    return sorted(path.as_posix() for path in paths)


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
    files = _files(name, [] if preset is None else [preset], file)
    values = _values(name, files, wanted, assignments)
    return config.build(PROTOCOLS[name], values, where=name)


def build_audit(
    *, named: Sequence[str] = (), file: Path | None = None, assignments: Sequence[str] = ()
) -> Inversion:
    """An audit; what is named later here wins.

    Args:
        named: of :func:`presets`.
        file: TOML with the audit's fields.
        assignments: ``field=value``, see :func:`faceveil.core.config.assign`.

    Raises:
        UsageError: a name is unknown or a field unsuitable; it is named.
    """
    values = _values(Inversion.name, _files(Inversion.name, named, file), {}, assignments)
    return config.build(Inversion, values, where=Inversion.name)


def _files(name: str, named: Sequence[str], file: Path | None) -> list[Path]:
    for preset in named:
        if preset not in presets(name):
            known = ", ".join(presets(name)) or "none"
            raise UsageError(f"{name} has no preset {preset!r}; there are: {known}.")
    paths = [FOLDER / name / f"{preset}.toml" for preset in named]
    return paths if file is None else [*paths, file]


def _values(
    name: str, files: Sequence[Path], wanted: Mapping[str, Any], assignments: Sequence[str]
) -> dict[str, Any]:
    values = config.layered(files, wanted, assignments)
    if (other := values.pop("protocol", name)) != name:
        raise UsageError(f"These settings are of the protocol {other!r}, not of {name}.")
    return values
