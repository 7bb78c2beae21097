"""What a run of ``protect`` exits with, for scripts, and what it says could be tried."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.app.conftest import make_face, make_verdict

from faceveil.app.album import Item
from faceveil.app.protect import FaceOutcome
from faceveil.app.settings import Settings
from faceveil.cli import outcomes
from faceveil.core.budget import damage_limits


def veiled(cosine: float) -> Item:
    """A photo of which dlib, held out, has this to say."""
    face = make_face({"dlib": (cosine, cosine)}, {"dlib": "held out"})
    return Item(Path("a"), Path("b"), "veiled", verdict=make_verdict(face))


NOBODY = Item(Path("a"), None, "no face")
FAILED = Item(Path("a"), None, "failed")


@pytest.mark.parametrize(
    ("items", "code"),
    [
        ([veiled(0.1)], 0),
        ([veiled(0.99)], 5),
        ([veiled(0.1), veiled(0.99)], 5),
        ([veiled(0.1), NOBODY], 0),
        ([NOBODY], 4),
        ([veiled(0.1), FAILED], 3),
    ],
)
def test_the_exit_code_is_the_worst_news(items: list[Item], code: int) -> None:
    assert outcomes.exit_code(items) == code


@pytest.mark.parametrize(
    ("method", "damage", "advised"),
    [("watermark", 30.0, True), ("watermark", 45.0, False), ("veil", 30.0, False)],
)
def test_where_a_mark_cannot_be_read_more_room_is_advised(
    method: str, damage: float, advised: bool
) -> None:
    settings = Settings.build({"method": {"name": method}, "budget": damage_limits(damage)})
    item = Item(Path("a"), Path("b"), "veiled", faces=(FaceOutcome(0, (0, 0, 9, 9), "veiled"),))
    assert any("--max-damage 40" in line for line in outcomes.advice(item, settings)) == advised
