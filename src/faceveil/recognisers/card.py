"""A recogniser's card: everything about it that is not in the ONNX file."""

from __future__ import annotations

import hashlib
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from faceveil.core import config
from faceveil.core.config import Strict
from faceveil.core.errors import ModelError, UsageError


@dataclass(frozen=True)
class Crop(Strict):
    """How a face is cut out for the network.

    The network's input is ``(255 * x - mean) / std`` with ``x`` in [0, 1] and channels ordered as
    ``channels`` says; ``template`` holds the five landmarks in crop pixels, see ``docs/models.md``.
    """

    size_px: int
    template: tuple[tuple[float, float], ...]
    channels: Literal["rgb", "bgr"]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]


@dataclass(frozen=True)
class Threshold(Strict):
    """The cosine at which a false accept rate is reached, and the true accepts it leaves."""

    far: float
    cosine: float
    tar: float


@dataclass(frozen=True)
class Calibration(Strict):
    """Where a card's thresholds come from."""

    data: str
    detector: str
    n_people: int
    n_genuine: int
    n_impostor: int
    thresholds: tuple[Threshold, ...]


@dataclass(frozen=True)
class Card(Strict):
    """One recogniser: its names, origin, input, output and thresholds."""

    name: str
    title: str
    licence: str
    source: str
    weights: str
    sha256: str
    embedding_size: int
    crop: Crop
    calibration: Calibration | None = None

    def threshold(self, far: float) -> Threshold:
        """The calibrated threshold at false accept rate ``far``.

        Raises:
            ModelError: the card has no calibration, or none at this rate.
        """
        if self.calibration is None:
            raise ModelError(
                f"Recogniser {self.name} has no thresholds yet: "
                f"run `faceveil models calibrate {self.name} --data DIR` first."
            )
        for threshold in self.calibration.thresholds:
            if threshold.far == far:
                return threshold
        known = ", ".join(f"{t.far:g}" for t in self.calibration.thresholds)
        raise ModelError(f"Recogniser {self.name} is calibrated at FAR {known}, not at {far:g}.")


def read_card(path: Path) -> Card:
    """The card a TOML file holds.

    Raises:
        ModelError: the file is missing, is not TOML, or a field is missing, unknown or impossible.
    """
    try:
        card = config.build(Card, config.read(path), where=str(path))
    except UsageError as error:
        raise ModelError(f"This card cannot be used. {error}") from None
    if fault := _fault(card):
        raise ModelError(f"{path}: {fault}.")
    return card


def read_weights(path: Path, sha256: str) -> bytes:
    """The bytes of a weights file, after checking that they are the ones the card names.

    Raises:
        ModelError: the file is missing or is not the file the card was written for.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"{path}: the weights cannot be read ({error.strerror}).") from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise ModelError(
            f"{path}: this is not the file its card was written for (SHA-256 {found}, expected "
            f"{sha256}). Reinstall faceveil, or pull the model again."
        )
    return data


def name_fault(name: str) -> str | None:
    """What is wrong with a recogniser's name, which becomes that of its files."""
    if re.fullmatch(r"[a-z0-9][a-z0-9._-]*", name):
        return None
    return f"name may hold a-z, 0-9, dot, underscore and dash, not {name!r}"


def _fault(card: Card) -> str | None:
    """What the types of a card's fields do not rule out."""
    crop = card.crop
    numbers = [*crop.mean, *crop.std, *(value for point in crop.template for value in point)]
    if fault := name_fault(card.name):
        return fault
    if not re.fullmatch(r"[^/\\:]+\.onnx", card.weights):
        return f"weights must name an .onnx file beside the card, not {card.weights!r}"
    if len(crop.template) != 5:
        return f"crop.template needs five landmarks, this one has {len(crop.template)}"
    if card.embedding_size < 1 or crop.size_px < 1:
        return "embedding_size and crop.size_px must be positive"
    if 0 in crop.std or not all(math.isfinite(number) for number in numbers):
        return "crop holds numbers that cannot be calculated with"
    return None
