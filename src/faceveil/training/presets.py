"""Recipes that come along, users' own, and what of them is changed for one run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from faceveil.core import config
from faceveil.core.errors import UsageError
from faceveil.training.recipe import Recipe

FOLDER = Path(__file__).parent / "preset_files"


def presets() -> list[str]:
    """The recipes that come along."""
    return sorted(path.stem for path in FOLDER.glob("*.toml"))


def build(
    *,
    preset: str | None = None,
    file: Path | None = None,
    wanted: Mapping[str, Any],
    assignments: Sequence[str] = (),
) -> Recipe:
    """A recipe; what is named later here wins.

    Args:
        preset: of :func:`presets`.
        file: TOML with a recipe's fields.
        wanted: fields by name.
        assignments: ``field=value``, see :func:`faceveil.core.config.assign`.

    Raises:
        UsageError: a name is unknown or a field unsuitable; it is named.
    """
    files = [] if file is None else [file]
    if preset is not None:
        if preset not in presets():
            raise UsageError(f"There is no preset {preset!r}; there are {', '.join(presets())}.")
        files.insert(0, FOLDER / f"{preset}.toml")
    return Recipe.build(config.layered(files, wanted, assignments))
