"""What became of veiled photos: in lines, as JSON, and as an exit code."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from faceveil.core import config
from faceveil.core.budget import DAMAGE, damage_limits

if TYPE_CHECKING:
    from faceveil.app.album import Item
    from faceveil.app.protect import FaceOutcome
    from faceveil.app.settings import Settings
    from faceveil.app.verdict import Verdict

ROOMY = 40.0
"""The damage to try for faces whose marks cannot be read, see docs/watermark.md."""


def lines(item: Item, settings: Settings) -> Iterator[str]:
    """What became of one photo."""
    if item.status in ("failed", "no face"):
        yield item.message or item.status
        return
    n_veiled = sum(face.status == "veiled" for face in item.faces)
    how = "" if item.status == "veiled" else f" ({item.message})"
    yield f"{item.original} -> {item.output}: {n_veiled} of {len(item.faces)} faces veiled{how}."
    yield from of_veil(item.notes, item.faces, item.verdict, settings)


def of_veil(
    notes: Sequence[str],
    faces: Sequence[FaceOutcome],
    verdict: Verdict | None,
    settings: Settings,
) -> Iterator[str]:
    """What there is to say of a veiled photo: the verdict, notes, faces left out, marks."""
    from faceveil.app import sentences

    if verdict is not None:
        yield f"  {sentences.of_verdict(verdict)}"
    for note in notes:
        yield f"  {note}"
    for face in faces:
        if face.why:
            yield f"  face {face.index + 1} was skipped: {face.why}."
    for face in faces:
        if face.mark is not None:
            yield f"  face {face.index + 1} {sentences.of_mark(face.mark)}"
        elif unmarked(face, settings):
            yield f"  face {face.index + 1} is veiled, but not marked: its mark cannot be read."


def unmarked(face: FaceOutcome, settings: Settings) -> bool:
    """Whether a face should wear a mark, and does not."""
    return settings.method.name == "watermark" and face.status == "veiled" and face.mark is None


def advice(item: Item, settings: Settings) -> Iterator[str]:
    """What to try where a recogniser still matches, or matches again, or a mark cannot be read."""

    def allows_less_than(damage: float) -> bool:
        floor = settings.budget.ssimulacra2
        return floor is not None and floor > damage_limits(damage)["ssimulacra2"]

    matched = item.verdict is not None and item.verdict.outcome() in ("recognised", "fragile")
    if matched and allows_less_than(DAMAGE["high"]):
        yield "  --strength high protects more, and shows more."
    if any(unmarked(face, settings) for face in item.faces) and allows_less_than(ROOMY):
        yield f"  --max-damage {ROOMY:g} leaves marks more room, and shows more."


def summary(items: Sequence[Item]) -> str:
    """How many photos became what."""
    counts = {
        status: sum(i.status == status for i in items)
        for status in ("veiled", "kept", "no face", "failed")
    }
    parts = [f"{count} {status}" for status, count in counts.items() if count]
    return f"{len(items)} photos: {', '.join(parts)}."


def exit_code(items: Sequence[Item]) -> int:
    """As the help of the command has it."""
    verdicts = [item.verdict for item in items if item.verdict is not None]
    if any(item.status == "failed" for item in items):
        return 3
    if not verdicts:
        return 4
    return 0 if all(verdict.unrecognised() for verdict in verdicts) else 5


def record(items: Sequence[Item], settings: Settings) -> dict[str, Any]:
    """Everything, as what JSON holds."""
    from faceveil.app import verdict

    return {
        "settings": settings.plain(),
        "photos": [
            {
                "original": str(item.original),
                "output": None if item.output is None else str(item.output),
                "status": item.status,
                "message": item.message,
                "notes": list(item.notes),
                "faces": [config.plain(face) for face in item.faces],
                "verdict": None if item.verdict is None else verdict.record(item.verdict),
            }
            for item in items
        ],
    }
