"""Lines of JSON that are cut off anywhere, and logs that go on."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from faceveil.core.errors import PhotoError
from faceveil.training import lines
from faceveil.training.journal import LOG, Journal


def test_a_file_cut_off_anywhere_gives_its_whole_lines(tmp_path: Path) -> None:
    path, records = tmp_path / "log", [{"step": 1, "é": "ü"}, {"step": 22}, {"step": 3}]
    assert lines.read(path) == []
    for record in records:
        lines.append(path, record)
    data = path.read_bytes()
    for n in range(len(data) + 1):
        path.write_bytes(data[:n])
        assert lines.read(path) == records[: data[:n].count(b"\n")]


def test_what_cannot_grow_is_said(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"Is a directory.*make room, then go on with --resume"):
        lines.append(tmp_path, {"step": 1})


def test_a_log_forgets_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    first = Journal(tmp_path, 0)
    for step in (1, 2, 3):
        first.note(step, {"loss": 1 / step})
    first.close()
    second = Journal(tmp_path, 2)
    second.note(3, {"loss": 0.25})
    second.close()
    found = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert found == [
        {"step": 1, "loss": 1.0}, {"step": 2, "loss": 0.5}, {"step": 3, "loss": 0.25}
    ]  # fmt: skip
    assert list((tmp_path / "tensorboard").glob("events.*"))
