"""Replay: make the veil of a receipt again and say whether it is the same."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from faceveil.app import receipt
from faceveil.app.protect import Protector
from faceveil.app.settings import Settings
from faceveil.core.errors import UsageError
from faceveil.core.seeds import content_hash
from faceveil.io.photo import read
from faceveil.masks.problem import Progress


@dataclass(frozen=True, eq=False)
class Replay:
    """The bytes made again; ``sentence`` says how they compare with the receipt's."""

    data: bytes
    identical: bool
    sentence: str


def replay(path: Path, *, device: str = "auto", progress: Progress = lambda share: None) -> Replay:
    """Make the veil of the receipt ``path`` again, from the same photo, models and seed.

    Raises:
        UsageError: the receipt is unreadable, or its recognisers have changed since.
        PhotoError: the original is gone or has changed.
    """
    paper = receipt.read(path)
    original = receipt.original_of(paper, path)
    threads = torch.get_num_threads()
    torch.set_num_threads(paper.threads)
    try:
        protector = Protector.load(Settings.build(paper.settings), device=device)
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


def _check_models(paper: receipt.Receipt, protector: Protector) -> None:
    now = {judge.name: judge.card.sha256 for judge, _ in protector.engine.judges}
    if changed := [name for name, sha256 in paper.models.items() if now.get(name) != sha256]:
        raise UsageError(
            f"{', '.join(changed)}: not the recogniser this receipt was made with, so the veil "
            "cannot be made again."
        )
