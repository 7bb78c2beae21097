"""Replay: the same bytes again, or a sentence that says why not."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch

from faceveil.app import receipt, replay
from faceveil.app.protect import Outcome, Protector
from faceveil.app.settings import Settings
from faceveil.core.errors import PhotoError, UsageError
from faceveil.core.seeds import content_hash
from faceveil.io.photo import read


@pytest.fixture
def path(tmp_path: Path, portrait_path: Path, protector: Protector, outcome: Outcome) -> Path:
    """The receipt of the veiled portrait, in a folder with both."""
    original = shutil.copy(portrait_path, tmp_path / "me.png")
    output = tmp_path / "me.veiled.png"
    output.write_bytes(outcome.data)
    path = receipt.path_of(output)
    path.write_bytes(receipt.make(read(original), outcome, protector, original, output).json())
    return path


@pytest.fixture
def _loaded(monkeypatch: pytest.MonkeyPatch, protector: Protector) -> None:
    """The models are there already."""

    def load(settings: Settings, *, device: str) -> Protector:
        assert settings == protector.settings
        return protector

    monkeypatch.setattr(replay.Protector, "load", load)


class LoadedError(Exception):
    """Replay got as far as loading the models."""


@pytest.fixture
def _without_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """It need not go further than that."""

    def load(settings: Settings, *, device: str) -> Protector:
        raise LoadedError

    monkeypatch.setattr(replay.Protector, "load", load)


def edit(path: Path, **changes: Any) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(record | changes), encoding="utf-8")


def test_the_same_bytes_again_even_after_the_folder_was_moved(
    path: Path, tmp_path: Path, outcome: Outcome
) -> None:
    moved = tmp_path / "moved"
    moved.mkdir()
    for name in ("me.png", path.name):
        shutil.move(tmp_path / name, moved / name)
    shares: list[float] = []
    again = replay.replay(moved / path.name, device="cpu", progress=shares.append)
    assert again.identical
    assert again.data == outcome.data
    assert "replayed, the same bytes" in again.sentence
    assert sum(shares) == pytest.approx(1)


@pytest.mark.usefixtures("_loaded")
def test_other_bytes_are_said_to_be_other_and_why(path: Path, outcome: Outcome) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    edit(
        path,
        output=record["output"] | {"sha256": "0" * 64},
        versions=record["versions"] | {"torch": "1.0"},
    )
    again = replay.replay(path)
    assert not again.identical
    assert again.data == outcome.data
    assert f"differ from the receipt's (torch 1.0 -> {torch.__version__})." in again.sentence


@pytest.mark.usefixtures("_loaded")
def test_changed_weights_are_refused_by_name(path: Path) -> None:
    edit(path, models={"mobilefacenet": "0" * 64})
    with pytest.raises(UsageError, match="mobilefacenet: not the recogniser this receipt"):
        replay.replay(path)


def test_it_works_with_as_many_threads_as_the_receipt_says(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    threads, seen = torch.get_num_threads(), []

    def load(*_: object, **__: object) -> None:
        seen.append(torch.get_num_threads())
        raise UsageError("seen")

    monkeypatch.setattr(replay, "load", load)
    edit(path, threads=threads + 1)
    with pytest.raises(UsageError, match="seen"):
        replay.replay(path)
    assert seen == [threads + 1]
    assert torch.get_num_threads() == threads


@pytest.mark.usefixtures("_without_models")
def test_changed_targets_are_refused_by_name(path: Path, tmp_path: Path) -> None:
    people = tmp_path / "people"
    people.mkdir()
    for name in ("eve.png", "mallory.png"):
        (people / name).write_bytes(name.encode())
    settings = json.loads(path.read_text(encoding="utf-8"))["settings"]
    settings["run"] |= {"goal": "both", "targets": str(people)}
    edit(
        path,
        settings=settings,
        targets={path.name: content_hash(path.read_bytes()) for path in people.iterdir()},
    )
    with pytest.raises(LoadedError):
        replay.replay(path)
    (people / "mallory.png").write_bytes(b"another photo")
    said = r"people: the photos of targets are not those of me\.veiled\.png\.veil\.json any more"
    with pytest.raises(PhotoError, match=rf"{said} \(mallory\.png was added, changed or removed\)"):
        replay.replay(path)
    (people / "mallory.png").unlink()
    with pytest.raises(PhotoError, match=r"mallory\.png"):
        replay.replay(path)
    (people / "eve.png").unlink()
    people.rmdir()
    with pytest.raises(UsageError, match="people does not exist"):
        replay.replay(path)


@pytest.mark.usefixtures("_without_models")
def test_a_receipt_from_before_targets_were_hashed(path: Path, tmp_path: Path) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    del record["targets"]
    record["settings"]["run"] |= {"goal": "both", "targets": "people"}
    path.write_text(json.dumps(record), encoding="utf-8")
    with pytest.raises(LoadedError):
        replay.replay(path)


@pytest.mark.parametrize("threads", [0, -3])
def test_a_hostile_number_of_threads(threads: int, path: Path) -> None:
    edit(path, threads=threads)
    with pytest.raises(UsageError, match="threads"):
        replay.replay(path)


def test_what_cannot_be_replayed(path: Path) -> None:
    edit(path, settings={"method": {"name": "magic"}})
    with pytest.raises(UsageError, match="no method 'magic'"):
        replay.replay(path)
    (path.parent / "me.png").write_bytes(b"another photo")
    with pytest.raises(PhotoError, match="has changed"):
        replay.replay(path)
    path.unlink()
    with pytest.raises(UsageError, match="cannot be read"):
        replay.replay(path)
