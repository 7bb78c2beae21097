"""Every recogniser there is by name: the bundled three, and those a user has added."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from faceveil.core.errors import ModelError

if TYPE_CHECKING:
    from faceveil.recognisers.recogniser import Recogniser

BUNDLED = Path(__file__).parent / "zoo_data"
RECOGNISERS = ("mobilefacenet", "faceres", "dlib")


def home() -> Path:
    """The folder of the user's models: $FACEVEIL_HOME/models, else the platform's data folder."""
    if root := os.environ.get("FACEVEIL_HOME"):
        return Path(root) / "models"
    import platformdirs

    return Path(platformdirs.user_data_dir("faceveil", appauthor=False)) / "models"


def names() -> tuple[str, ...]:
    """The names :func:`load` knows: bundled first, then the user's in alphabetical order."""
    added = sorted(path.stem for path in home().glob("*.toml"))
    return RECOGNISERS + tuple(name for name in added if name not in RECOGNISERS)


def is_file(name: str) -> bool:
    """Whether a recogniser is named by the path of its file."""
    return name.endswith((".toml", ".onnx"))


def locate(name: str) -> Path:
    """The card of the recogniser ``name``, or of the ``.toml`` or ``.onnx`` file of that path.

    Raises:
        ModelError: there is no such recogniser.
    """
    if name in RECOGNISERS:
        return BUNDLED / f"{name}.toml"
    if is_file(name):
        card_path = Path(name).with_suffix(".toml")
        if card_path.is_file():
            return card_path
        raise ModelError(
            f"{card_path}: no card lies there; a recogniser is an ONNX file and a card beside it."
        )
    added = home() / f"{name}.toml"
    if Path(name).name == name and added.is_file():
        return added
    raise ModelError(f"There is no recogniser called {name!r}; known are {', '.join(names())}.")


def load(name: str, *, device: str = "cpu") -> Recogniser:
    """The recogniser ``name`` (see :func:`locate`) on ``device``.

    A name like ``frbench:irse-50/arcface/ms1m`` comes from the frbench package, if installed.

    Raises:
        ModelError: there is none of that name, or its card or weights are unusable.
    """
    if name.startswith("frbench:"):
        from faceveil.recognisers import frbench

        return frbench.load(name).to(device)
    from faceveil.recognisers.recogniser import Recogniser

    return Recogniser.load(locate(name)).to(device)
