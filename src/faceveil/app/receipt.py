"""Receipts: beside each veiled file, all that is needed to make it again and to know what it is.

A receipt names the original and its hash. Keep it to yourself; it is not for posting.
"""

from __future__ import annotations

import json
import os
import platform
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from faceveil.app.protect import FaceOutcome, Outcome, Protector
from faceveil.app.settings import Run, Settings
from faceveil.app.verdict import Verdict
from faceveil.core import config
from faceveil.core.config import Strict
from faceveil.core.errors import PhotoError, UsageError
from faceveil.core.ranges import Count
from faceveil.core.seeds import content_hash
from faceveil.io.find import find
from faceveil.io.photo import Photo
from faceveil.masks.glaze import bundled, picture_of
from faceveil.masks.makeup import Makeup
from faceveil.masks.method import Method
from faceveil.recognisers import zoo
from faceveil.recognisers.card import read_card

SUFFIX = ".veil.json"


@dataclass(frozen=True)
class FileMark(Strict):
    """A file's path, relative to the receipt's folder, and the SHA-256 of its bytes."""

    path: str
    sha256: str


@dataclass(frozen=True)
class Receipt(Strict):
    """What was done to one photo.

    ``settings`` is what :meth:`Settings.build` takes; ``models`` holds the SHA-256 of each
    recogniser's weights; ``device`` and ``threads`` are what the same bytes depend on besides.
    ``targets`` holds the SHA-256 of each photo in the folder of targets, by its path in there, and
    ``reference`` that of the picture makeup was made after; the first receipts did without.
    """

    faceveil: str
    made: str
    input: FileMark
    output: FileMark
    settings: dict[str, Any]
    surrogates: tuple[str, ...]
    held_out: tuple[str, ...]
    models: dict[str, str]
    device: str
    threads: Count
    versions: dict[str, str]
    notes: tuple[str, ...]
    faces: tuple[FaceOutcome, ...]
    verdict: Verdict
    targets: dict[str, str] = field(default_factory=dict)
    reference: str = ""

    def json(self) -> bytes:
        """The receipt as a file's bytes."""
        return (json.dumps(config.plain(self), indent=1, ensure_ascii=False) + "\n").encode()


@dataclass(frozen=True)
class Origin:
    """What a veil is made by besides the photo, as its receipt has it."""

    settings: dict[str, Any]
    targets: dict[str, str] = field(default_factory=dict)
    reference: str = ""
    models: dict[str, str] = field(default_factory=dict)


def origin_of(settings: Settings) -> Origin:
    """What veils by these settings are made by now.

    Raises:
        UsageError: the folder of targets or the reference is gone.
        PhotoError: a photo of a target cannot be read.
        ModelError: a recogniser is missing.
    """
    run = settings.run
    names = [name for name in (*run.surrogates, *run.held_out) if not name.startswith("frbench:")]
    cards = [read_card(zoo.locate(name)) for name in names]
    return Origin(
        settings_of(settings),
        targets_of(run),
        reference_of(settings.method),
        {card.name: card.sha256 for card in cards},
    )


def beside(output: Path) -> Receipt | None:
    """The receipt that says that ``output`` is a veiled photo of ours, if it can be read."""
    try:
        return read(path_of(output))
    except UsageError:
        return None


def of_veiled(photo: Path, sha256: str) -> Receipt | None:
    """The receipt beside a photo with these bytes, if it was written for it as a veiled one."""
    receipt = beside(photo)
    return receipt if receipt is not None and receipt.output.sha256 == sha256 else None


def is_whole(output: Path) -> bool:
    """Whether ``output`` is a veiled photo of ours as it was written."""
    paper = beside(output)
    try:
        return paper is not None and content_hash(output.read_bytes()) == paper.output.sha256
    except OSError:
        return False


def path_of(output: Path) -> Path:
    """Where the receipt of ``output`` lies: beside it."""
    return output.with_name(output.name + SUFFIX)


def make(
    photo: Photo, outcome: Outcome, protector: Protector, original: Path, output: Path
) -> Receipt:
    """The receipt of ``outcome``, for a receipt file beside ``output``."""
    judges = protector.engine.judges
    return Receipt(
        faceveil=version("faceveil"),
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        input=FileMark(_relative(original, output.parent), photo.sha256),
        output=FileMark(output.name, content_hash(outcome.data)),
        settings=settings_of(protector.settings),
        surrogates=protector.engine.surrogates.names,
        held_out=tuple(one.name for one in protector.engine.held_out),
        models={judge.name: judge.card.sha256 for judge, _ in judges},
        device=str(protector.engine.surrogates.device),
        threads=torch.get_num_threads(),
        versions=versions(),
        notes=photo.notes,
        faces=outcome.faces,
        verdict=outcome.verdict,
        targets=targets_of(protector.settings.run),
        reference=reference_of(protector.settings.method),
    )


def settings_of(settings: Settings) -> dict[str, Any]:
    """``settings`` as receipts hold them: they mean the same in whatever folder they are read."""
    values = settings.plain()
    run = values["run"]
    if settings.run.targets is not None:
        run["targets"] = str(settings.run.targets.absolute())
    for role in ("surrogates", "held_out"):
        run[role] = [_absolute(name) if zoo.is_file(name) else name for name in run[role]]
    if isinstance(settings.method, Makeup) and settings.method.reference not in bundled():
        values["method"]["reference"] = _absolute(settings.method.reference)
    return values


def reference_of(method: Method) -> str:
    """The SHA-256 of the picture makeup is made after; empty for other methods.

    Raises:
        UsageError: it is gone.
    """
    return content_hash(picture_of(method.reference)) if isinstance(method, Makeup) else ""


def targets_of(run: Run) -> dict[str, str]:
    """The SHA-256 of each photo of the people to be taken for, by its path in their folder.

    Raises:
        UsageError: the folder is gone.
        PhotoError: a photo cannot be read.
    """
    if run.targets is None or run.goal == "dodge":
        return {}
    return {
        item.relative.as_posix(): content_hash(_read(item.path, "photo of a target"))
        for item in find([run.targets], recursive=True)
    }


def versions() -> dict[str, str]:
    """What the bytes of a veil depend on here besides faceveil itself."""
    libraries = {name: version(name) for name in ("torch", "pillow", "numpy")}
    return {"python": platform.python_version(), **libraries}


def read(path: Path) -> Receipt:
    """The receipt a file holds.

    Raises:
        UsageError: it cannot be read, is not a receipt, or contradicts itself.
    """
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: the receipt cannot be read ({error.strerror}).") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{path}: is not a receipt ({error}).") from None
    if not isinstance(values, dict):
        raise UsageError(f"{path}: is not a receipt (it holds no table).")
    try:
        return config.build(Receipt, values, where="is not a receipt")
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from None


def original_of(receipt: Receipt, path: Path) -> Path:
    """The photo a receipt was made for, unchanged since.

    Raises:
        PhotoError: it is gone or has changed.
    """
    original = path.parent / receipt.input.path
    if content_hash(_read(original, "photo of this receipt")) != receipt.input.sha256:
        raise PhotoError(
            f"{original}: has changed since {path.name} was written, so it cannot be replayed."
        )
    return original


def finished(original: Path, output: Path, origin: Origin) -> Receipt | None:
    """The receipt of ``output`` if it is whole and was made from ``original`` in this way."""
    receipt = beside(output)
    if receipt is None or not is_whole(output):
        return None
    try:
        if original != output and content_hash(original.read_bytes()) != receipt.input.sha256:
            return None
    except OSError:
        return None
    made_by = (receipt.settings, receipt.targets, receipt.reference)
    if made_by != (origin.settings, origin.targets, origin.reference):
        return None
    now = origin.models
    same = all(now.get(name, sha256) == sha256 for name, sha256 in receipt.models.items())
    return receipt if same else None


def _absolute(path: str) -> str:
    return str(Path(path).absolute())


def _read(path: Path, what: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise PhotoError(f"{path}: the {what} cannot be read ({error.strerror}).") from None


def _relative(path: Path, folder: Path) -> str:
    try:
        # With links resolved: ".." leads out of where a linked folder is, not of where the link is.
        return Path(os.path.relpath(path.parent.resolve() / path.name, folder.resolve())).as_posix()
    except ValueError:  # another drive
        return str(path.absolute())
