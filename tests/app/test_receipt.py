"""Receipts: written, read back, refused with a sentence, and moved with their folder."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from faceveil.app import provenance, receipt
from faceveil.app.protect import Outcome, Protector
from faceveil.app.receipt import FileMark, Origin
from faceveil.app.settings import Run, Settings
from faceveil.core.errors import PhotoError, UsageError
from faceveil.core.seeds import content_hash
from faceveil.io.find import Found
from faceveil.io.photo import read
from faceveil.masks.glaze import STYLES


@pytest.fixture
def album(tmp_path: Path, portrait_path: Path, protector: Protector, outcome: Outcome) -> Path:
    """A folder with ``photos/me.png``, its veil ``out/me.png`` and the receipt of that."""
    folder = tmp_path / "album"
    for name in ("photos", "out"):
        (folder / name).mkdir(parents=True)
    original = shutil.copy(portrait_path, folder / "photos" / "me.png")
    output = folder / "out" / "me.png"
    output.write_bytes(outcome.data)
    paper = receipt.make(read(original), outcome, protector, original, output)
    receipt.path_of(output).write_bytes(paper.json())
    return folder


@pytest.fixture
def path(album: Path) -> Path:
    return album / "out" / "me.png.veil.json"


def values(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record


def test_json_and_back(path: Path, protector: Protector, outcome: Outcome) -> None:
    paper = receipt.read(path)
    assert paper.json() == path.read_bytes()
    assert (paper.faces, paper.verdict) == (outcome.faces, outcome.verdict)
    assert Settings.build(paper.settings) == protector.settings
    assert paper.surrogates == ("mobilefacenet",)
    assert paper.held_out == ()
    assert paper.output == FileMark("me.png", content_hash(outcome.data))
    assert paper.input.path == "../photos/me.png"
    (member,) = protector.engine.surrogates.members
    assert paper.models == {"mobilefacenet": member.card.sha256}


def test_it_holds_no_path_of_this_machine(path: Path, tmp_path: Path) -> None:
    record = values(path)
    record.pop("verdict")  # which names the two files as the user did
    assert str(tmp_path) not in json.dumps(record)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"\xff\xfe\x00",
        b"\x89PNG\r\n\x1a\n",
        b"[1, 2]",
        b'"me.png"',
        b"null",
        b"{}",
        b'{"name": "some-package", "version": "1.0.0"}',
        b"[" * 200_000,
    ],
    ids=lambda data: repr(data[:12]),
)
def test_what_is_no_receipt_is_refused_with_a_sentence(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "some.json"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"some\.json: is not a receipt"):
        receipt.read(path)
    assert receipt.finished(path, tmp_path / "some", Origin({})) is None


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "gone.json", tmp_path):
        with pytest.raises(UsageError, match="the receipt cannot be read"):
            receipt.read(path)


@pytest.mark.parametrize("name", ["faceveil", "input", "settings", "models", "threads", "verdict"])
def test_a_missing_field_is_named(name: str, path: Path) -> None:
    record = values(path)
    del record[name]
    path.write_text(json.dumps(record))
    with pytest.raises(UsageError, match=rf"is not a receipt: {name}: .*required"):
        receipt.read(path)


def test_a_field_that_is_unknown_or_of_the_wrong_type_is_named(path: Path) -> None:
    record = values(path)
    for changes, said in (
        ({"mood": "good"}, "mood: there is no such field"),
        ({"threads": "many"}, "threads: "),
        ({"threads": 0}, "threads"),
        ({"input": {"path": "me.png"}}, r"input\.sha256: "),
        ({"faces": [{"index": 0}]}, r"faces\.0\.box: "),
    ):
        path.write_text(json.dumps(record | changes))
        with pytest.raises(UsageError, match=said):
            receipt.read(path)


def no_face(verdict: dict[str, Any]) -> None:
    verdict["faces"] = []


def no_condition(verdict: dict[str, Any]) -> None:
    verdict["faces"][0]["conditions"] = []


def nobody_asked_after_a_treatment(verdict: dict[str, Any]) -> None:
    verdict["faces"][0]["conditions"][1]["matches"] = []


def one_threshold(verdict: dict[str, Any]) -> None:
    verdict["faces"][0]["conditions"][0]["matches"][0]["thresholds"] = [0.4]


def a_face_with_other_conditions(verdict: dict[str, Any]) -> None:
    (face,) = verdict["faces"]
    verdict["faces"].append(face | {"index": 1, "conditions": face["conditions"][:1]})


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (no_face, "at least one face"),
        (no_condition, "at least one condition"),
        (nobody_asked_after_a_treatment, "same recognisers in all conditions"),
        (one_threshold, "3 thresholds, but that of mobilefacenet has 1"),
        (a_face_with_other_conditions, "same conditions for every face"),
    ],
)
def test_a_verdict_that_contradicts_itself_is_refused_and_the_receipt_named(
    spoil: Callable[[dict[str, Any]], None], said: str, path: Path, protector: Protector
) -> None:
    record = values(path)
    spoil(record["verdict"])
    path.write_text(json.dumps(record))
    with pytest.raises(UsageError, match=rf"me\.png\.veil\.json: .*{said}"):
        receipt.read(path)
    output = path.parent / "me.png"
    original = path.parent.parent / "photos" / "me.png"
    assert receipt.finished(original, output, Origin(protector.settings.plain())) is None
    (note,) = provenance.trace(output, read(original), read(output)).notes
    assert f"its receipt cannot be used ({path}: " in note
    assert said in note


class TestTargets:
    @pytest.fixture
    def run(self, tmp_path: Path, portrait_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
        """With a folder of targets, named as seen from the working directory."""
        monkeypatch.chdir(tmp_path)
        (tmp_path / "people" / "eileen").mkdir(parents=True)
        shutil.copy(portrait_path, tmp_path / "people" / "eileen" / "one.png")
        (tmp_path / "people" / "two.png").write_bytes(b"two")
        return Run(targets=Path("people"))

    def test_their_hashes(self, run: Run, portrait_path: Path) -> None:
        assert receipt.targets_of(run) == {
            "eileen/one.png": content_hash(portrait_path.read_bytes()),
            "two.png": content_hash(b"two"),
        }
        assert receipt.targets_of(replace(run, goal="dodge")) == {}
        assert receipt.targets_of(Run()) == {}

    def test_their_place_means_the_same_from_everywhere(self, run: Run, tmp_path: Path) -> None:
        settings = Settings(run=run)
        assert receipt.settings_of(settings)["run"]["targets"] == str(tmp_path / "people")
        assert receipt.settings_of(Settings()) == Settings().plain()

    def test_one_that_cannot_be_read_is_named(
        self, run: Run, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        gone = Found(Path("people", "gone.png"), Path("gone.png"))
        monkeypatch.setattr(receipt, "find", lambda paths, *, recursive: [gone])
        with pytest.raises(PhotoError, match=r"gone\.png: the photo of a target cannot be read"):
            receipt.targets_of(run)


def test_a_receipt_from_before_targets_were_hashed(path: Path, protector: Protector) -> None:
    record = values(path)
    del record["targets"]
    path.write_text(json.dumps(record))
    assert receipt.read(path).targets == {}
    output, original = path.parent / "me.png", path.parent.parent / "photos" / "me.png"
    assert receipt.finished(original, output, Origin(protector.settings.plain()))


def test_a_folder_that_is_moved_as_a_whole_is_still_whole(
    album: Path, path: Path, tmp_path: Path, protector: Protector
) -> None:
    settings = protector.settings.plain()
    moved = album.rename(tmp_path / "elsewhere")
    path = moved / "out" / path.name
    original = receipt.original_of(receipt.read(path), path)
    assert original.samefile(moved / "photos" / "me.png")
    assert receipt.finished(moved / "photos" / "me.png", moved / "out" / "me.png", Origin(settings))


@pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
def test_the_way_to_the_original_out_of_a_linked_folder(
    tmp_path: Path, portrait_path: Path, protector: Protector, outcome: Outcome
) -> None:
    original = shutil.copy(portrait_path, tmp_path / "me.png")
    (tmp_path / "far" / "away").mkdir(parents=True)
    (tmp_path / "out").symlink_to(tmp_path / "far" / "away")
    output = tmp_path / "out" / "me.png"
    paper = receipt.make(read(original), outcome, protector, original, output)
    assert receipt.original_of(paper, receipt.path_of(output)).samefile(original)


def test_an_original_that_is_gone_or_changed(album: Path, path: Path) -> None:
    paper = receipt.read(path)
    original = album / "photos" / "me.png"
    original.write_bytes(b"another photo")
    with pytest.raises(PhotoError, match=r"me\.png: has changed since me\.png\.veil\.json"):
        receipt.original_of(paper, path)
    original.unlink()
    with pytest.raises(PhotoError, match="the photo of this receipt cannot be read"):
        receipt.original_of(paper, path)


def test_a_reference_means_the_same_from_everywhere_and_is_known_by_its_bytes(
    tmp_path: Path, portrait_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = Path(shutil.copy(STYLES / "plum.png", tmp_path / "look.png"))
    monkeypatch.chdir(tmp_path)
    settings = Settings.build({"method": {"name": "makeup", "reference": "look.png"}})
    origin = receipt.origin_of(settings)
    assert origin.settings["method"]["reference"] == str(look)
    assert origin.reference == content_hash(look.read_bytes())
    assert set(origin.models) == {"mobilefacenet", "faceres", "dlib"}
    bundled = receipt.origin_of(Settings.build({"method": {"name": "makeup"}}))
    assert bundled.settings["method"]["reference"] == "rose"
    assert receipt.origin_of(Settings()).reference == ""
