"""Replay: make the veil of a receipt again and say whether it is the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from faceveil.app import receipt
from faceveil.app.key import Key
from faceveil.app.personal import load
from faceveil.app.protect import Protector
from faceveil.app.settings import Run, Settings
from faceveil.core.errors import PhotoError, UsageError
from faceveil.core.seeds import content_hash
from faceveil.io.photo import read
from faceveil.masks.problem import Progress


@dataclass(frozen=True, eq=False)
class Replay:
    """The bytes made again; ``sentence`` says how they compare with the receipt's."""

    data: bytes
    identical: bool
    sentence: str


def replay(
    path: Path,
    *,
    keys: Sequence[Key] = (),
    device: str = "auto",
    progress: Progress = lambda share: None,
) -> Replay:
    """Make the veil of the receipt ``path`` again, from the same photo, models, keys and seed.

    Raises:
        UsageError: the receipt is unreadable, its recognisers have changed since, or its folder of
            targets is gone.
        PhotoError: the original or a photo of a target is gone or has changed.
    """
    paper = receipt.read(path)
    original = receipt.original_of(paper, path)
    settings = Settings.build(paper.settings)
    _check_targets(paper, settings.run, path)
    if paper.reference and paper.reference != receipt.reference_of(settings.method):
        raise PhotoError(
            f"{paper.settings['method']['reference']}: the reference has changed since {path.name} "
            "was written, so the veil cannot be made again."
        )
    threads = torch.get_num_threads()
    torch.set_num_threads(paper.threads)
    try:
        protector = load(settings, keys, device=device)
        _check_models(paper, protector)
        data = protector(read(original), progress).data
    finally:
        torch.set_num_threads(threads)
    identical = content_hash(data) == paper.output.sha256
    if identical:
        return Replay(data, identical, f"{original}: replayed, the same bytes as {path.name} says.")
    now = receipt.versions()
    changed = [
        f"{name} {was} -> {now.get(name)}"
        for name, was in paper.versions.items()
        if now.get(name) != was
    ]
    reason = f" ({', '.join(changed)})" if changed else ""
    return Replay(
        data, identical, f"{original}: replayed, but the bytes differ from the receipt's{reason}."
    )


def _check_targets(paper: receipt.Receipt, run: Run, path: Path) -> None:
    if not paper.targets:
        return
    now = receipt.targets_of(run)
    names = sorted(paper.targets.keys() | now.keys())
    if changed := [name for name in names if paper.targets.get(name) != now.get(name)]:
        raise PhotoError(
            f"{run.targets}: the photos of targets are not those of {path.name} any more "
            f"({changed[0]} was added, changed or removed), so the veil cannot be made again."
        )


def _check_models(paper: receipt.Receipt, protector: Protector) -> None:
    now = {judge.name: judge.card.sha256 for judge, _ in protector.engine.judges}
    if changed := [name for name, sha256 in paper.models.items() if now.get(name) != sha256]:
        raise UsageError(
            f"{', '.join(changed)}: not the recogniser this receipt was made with, so the veil "
            "cannot be made again."
        )
