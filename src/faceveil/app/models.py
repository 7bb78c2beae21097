"""Recognisers of the user's own: adding one, and finding its thresholds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import torch
from torch import Tensor

from faceveil.app.embed import embed
from faceveil.app.verdict import FARS
from faceveil.core import config
from faceveil.core.errors import ModelError, PhotoError, UsageError
from faceveil.core.seeds import content_hash
from faceveil.faces.detect import Detector
from faceveil.io import atomic
from faceveil.io.find import find
from faceveil.io.photo import read
from faceveil.measures.calibration import calibrate
from faceveil.recognisers import zoo
from faceveil.recognisers.card import Card, read_card
from faceveil.recognisers.ensemble import Embeddings, Ensemble
from faceveil.recognisers.pull import URLS
from faceveil.recognisers.recogniser import Recogniser


@dataclass(frozen=True)
class People:
    """Faces with names: ``labels[i]`` says whom row i of every recogniser's embeddings shows.

    ``skipped`` are the photos that cannot be read or show no face.
    """

    labels: tuple[str, ...]
    embeddings: Embeddings
    skipped: tuple[Path, ...]


@dataclass(frozen=True)
class Calibrated:
    """A card with its new thresholds, where it lies, and the photos that could not be used."""

    card: Card
    path: Path
    skipped: tuple[Path, ...]


def add(onnx_path: Path, card_path: Path) -> Card:
    """Copy a network and its card into the user's folder, after trying them on crops of noise.

    Args:
        onnx_path: the network, under any file name.
        card_path: its card; an empty ``sha256`` is filled in.

    Returns:
        The card as it was written.

    Raises:
        ModelError: the name is taken, the file is not the card's, or the network is unusable.
    """
    card = read_card(card_path)
    if card.name in zoo.names() or card.name in URLS:
        raise ModelError(f"{card_path}: the name {card.name} is taken; choose another.")
    try:
        data = onnx_path.read_bytes()
    except OSError as error:
        raise ModelError(f"{onnx_path}: cannot be read ({error.strerror}).") from None
    digest = content_hash(data)
    if card.sha256 not in ("", digest):
        raise ModelError(
            f"{onnx_path}: its SHA-256 is {digest}, but {card_path} was written for {card.sha256}. "
            "If this is the right file, leave sha256 empty and it is filled in."
        )
    Recogniser.from_bytes(card, data, str(onnx_path))
    card = replace(card, weights=f"{card.name}.onnx", sha256=digest)
    # The card comes last: without one, weights are nobody's and the next try replaces them.
    atomic.write(zoo.home() / card.weights, data, overwrite=True)
    atomic.write(zoo.home() / f"{card.name}.toml", config.write(card).encode(), overwrite=False)
    return card


def remove(name: str) -> None:
    """Delete a recogniser that was added or pulled; its card may be damaged.

    Raises:
        ModelError: there is none of that name, it comes with faceveil, or it lies elsewhere.
    """
    card_path = zoo.locate(name)
    if card_path.parent != zoo.home():
        raise ModelError(f"{name} was neither added nor pulled: it stays.")
    card_path.unlink()
    card_path.with_suffix(".onnx").unlink(missing_ok=True)


def calibrate_card(
    name: str,
    data: Path,
    *,
    first: int | None = None,
    device: str = "cpu",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Calibrated:
    """Find the thresholds of a recogniser of the user's and write them into its card.

    Args:
        name: of an added recogniser, or the path of a card.
        data: a folder of folders, one a person, with at least two photos each.
        first: take only so many people, in the order of their names.
        device: where to compute.
        progress: called with the photos done and the photos there are.

    Raises:
        ModelError: the recogniser is missing or bundled.
        UsageError: the folder does not hold enough people.
    """
    path = zoo.locate(name)
    if path.resolve().parent == zoo.BUNDLED.resolve():
        raise ModelError(f"{name} comes with faceveil, and its thresholds with it; they stay.")
    recogniser = zoo.load(str(path), device=device)
    people = embed_people(data, Ensemble([recogniser]), first=first, progress=progress)
    calibration = calibrate(
        people.embeddings[recogniser.name],
        people.labels,
        FARS,
        data=f"{data.resolve().name}, {len(set(people.labels))} people",
        detector="centerface",
    )
    card = replace(recogniser.card, calibration=calibration)
    atomic.write(path, config.write(card).encode(), overwrite=True)
    return Calibrated(card, path, people.skipped)


def embed_people(
    folder: Path,
    recognisers: Ensemble,
    *,
    first: int | None = None,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> People:
    """What each recogniser sees in the largest face of every ``person/photo`` in ``folder``.

    Args:
        folder: holds one folder a person.
        recognisers: what to embed with.
        first: take only so many people, in the order of their names.
        progress: called with the photos done and the photos there are.

    Raises:
        UsageError: the folder is missing, or no photo in it shows a face.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder.")
    people = sorted(path for path in folder.iterdir() if path.is_dir())[:first]
    photos = [item.path for person in people for item in find([person], recursive=False)]
    detector = Detector.load(str(recognisers.device))
    labels: list[str] = []
    rows: dict[str, list[Tensor]] = {name: [] for name in recognisers.names}
    skipped = []
    for done, path in enumerate(photos, start=1):
        if embeddings := _embed(path, detector, recognisers):
            labels.append(path.parent.name)
            for name, row in embeddings.items():
                rows[name].append(row)
        else:
            skipped.append(path)
        progress(done, len(photos))
    if not labels:
        raise UsageError(f"{folder}: no photo in its folders, one a person, shows a face.")
    return People(
        tuple(labels), {name: torch.cat(some) for name, some in rows.items()}, tuple(skipped)
    )


def _embed(path: Path, detector: Detector, recognisers: Ensemble) -> Embeddings | None:
    """Embeddings ``1 d`` of the largest face, None where there is none or no photo."""
    try:
        photo = read(path)
    except PhotoError:
        return None
    faces = detector(photo.pixels)
    if not faces:
        return None
    return embed(photo.pixels, faces[:1], recognisers.members)
