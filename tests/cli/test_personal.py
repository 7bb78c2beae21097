"""``faceveil enrol``, ``protect --person``, ``reveal`` and ``keys`` as a user runs them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import Run

QUICK = ("--set", "method.steps=4", "--set", "method.alpha=4", "--surrogate", "mobilefacenet")


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("FACEVEIL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FACEVEIL_PASSPHRASE", "correct horse")
    return tmp_path / "home"


@pytest.fixture
def enrolled(faceveil: Run, home: Path, portrait_path: Path) -> Path:
    """anna, from one photo; the file of the key."""
    done = faceveil("enrol", "anna", portrait_path, "--show-name", *QUICK)
    assert done.returncode == 0, done.stderr.decode()
    assert b"From 1 photo" in done.stderr
    (path,) = (home / "keys").iterdir()
    return path


def refused(done: subprocess.CompletedProcess[bytes], code: int, *words: str) -> None:
    """The command ended in ``code`` with one sentence that holds these words."""
    message = done.stderr.decode()
    assert done.returncode == code, message
    assert message.startswith("faceveil: "), message
    assert "Traceback" not in message
    for word in words:
        assert word in message


def test_enrol_protect_and_reveal(
    faceveil: Run, enrolled: Path, portrait_path: Path, tmp_path: Path
) -> None:
    done = faceveil("protect", portrait_path, "--person", "anna", "-o", "me.png")
    assert done.returncode in (0, 5), done.stderr.decode()
    assert b"1 of 1 faces veiled" in done.stderr
    paper = json.loads((tmp_path / "me.png.veil.json").read_text())
    assert paper["surrogates"] == ["mobilefacenet"]
    assert paper["held_out"] == ["faceres", "dlib"]
    assert paper["faces"][0]["worn"]["key"] == paper["settings"]["people"]["keys"][0]
    assert "anna" not in json.dumps(paper)
    done = faceveil("reveal", "me.png", "--person", "anna")
    assert done.returncode == 0, done.stderr.decode()
    assert b"As before the veil" in done.stderr
    was, veiled, now = (
        np.array(Image.open(path).convert("RGB")).astype(int)
        for path in (portrait_path, tmp_path / "me.png", tmp_path / "me.revealed.png")
    )
    kept = (veiled > 0) & (veiled < 255)
    assert (was != veiled).any()
    assert (was == now)[kept].all()
    itself = ("--out", "me.png", "--overwrite")
    refused(faceveil("reveal", "me.png", "--person", "anna", *itself), 2, "is me.png itself")
    refused(faceveil("reveal", "me.png", "--person", "anna", "-o", "me.jpg"), 2, "suffix .png")
    paper["faces"][0]["worn"]["photo_px"] = [0, 0]
    (tmp_path / "odd.json").write_text(json.dumps(paper))
    odd = ("--receipt", "odd.json", "-o", "odd.png")
    refused(faceveil("reveal", "me.png", "--person", "anna", *odd), 2, "odd.json", "at least 1")


def test_a_receipt_is_replayed_with_the_person(
    faceveil: Run, enrolled: Path, portrait_path: Path
) -> None:
    faceveil("protect", portrait_path, "--person", "anna", "-o", "me.png")
    done = faceveil("protect", "--replay", "me.png.veil.json", "--person", "anna")
    assert (done.returncode, b"the same bytes" in done.stderr) == (0, True), done.stderr.decode()
    refused(faceveil("protect", "--replay", "me.png.veil.json"), 2, "--person")


def test_keys_are_listed_moved_and_deleted(
    faceveil: Run, enrolled: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert b"anna" in faceveil("keys", "list").stdout
    (row,) = json.loads(faceveil("keys", "list", "--json").stdout)
    assert (row["name"], row["id"]) == ("anna", enrolled.stem)
    assert faceveil("keys", "export", "anna", "copy.veilkey").returncode == 0
    assert (tmp_path / "copy.veilkey").read_bytes() == enrolled.read_bytes()
    refused(faceveil("keys", "import", "copy.veilkey"), 3, "on the keyring already")
    refused(faceveil("keys", "delete", "anna", "--confirm", "yes"), 2, "nothing was deleted")
    assert enrolled.exists()
    assert faceveil("keys", "delete", "anna", "--confirm", "anna").returncode == 0
    assert not enrolled.exists()
    refused(faceveil("keys", "delete", "anna", "--confirm", "anna"), 3, "no key called anna")
    assert faceveil("keys", "import", "copy.veilkey").returncode == 0
    assert b"anna" in faceveil("keys", "list").stdout


def test_a_hidden_name_is_opened_and_its_passphrase_changed(
    faceveil: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEVEIL_PASSPHRASE", "correct horse")
    made = faceveil("keys", "new", "my studio")
    assert b"without its passphrase it is lost" in made.stdout, made.stderr.decode()
    assert b"(name hidden)" in faceveil("keys", "list").stdout
    assert b"my studio" in faceveil("keys", "list", "--open").stdout
    assert faceveil("keys", "export", "my studio", "copy.veilkey").returncode == 0
    (tmp_path / "new.txt").write_text("battery staple\n")
    changed = faceveil("keys", "passphrase", "my studio", "--new-passphrase-file", "new.txt")
    assert changed.returncode == 0, changed.stderr.decode()
    assert b"my studio" not in faceveil("keys", "list", "--open").stdout
    refused(faceveil("keys", "delete", "my studio", "--confirm", "my studio"), 3, "no key called")
    with_file = ("--passphrase-file", "new.txt")
    done = faceveil("keys", "delete", "my studio", "--confirm", "my studio", *with_file)
    assert done.returncode == 0, done.stderr.decode()
    assert b"Nobody is enrolled" in faceveil("keys", "list").stdout


def test_what_goes_wrong_is_a_sentence(
    faceveil: Run,
    enrolled: Path,
    portrait_path: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    refused(faceveil("enrol", "anna", portrait_path, *QUICK), 3, "anna is enrolled already")
    refused(faceveil("enrol", "bob"), 2, "Name photos")
    refused(faceveil("enrol", "../bob", portrait_path), 2, "is no name")
    refused(faceveil("protect", portrait_path, "--person", "bob"), 3, "no key called bob")
    refused(faceveil("protect", portrait_path, "--strangers", "blur"), 2, "--person")
    with_method = ("--person", "anna", "--method", "veil")
    refused(faceveil("protect", portrait_path, *with_method), 2, "leave one of them out")
    refused(faceveil("reveal", portrait_path, "--person", "anna"), 3, "no face in it wears")
    monkeypatch.setenv("FACEVEIL_PASSPHRASE", "wrong")
    refused(faceveil("protect", portrait_path, "--person", "anna"), 3, "passphrase is wrong")
    (tmp_path / "secret.txt").write_text("correct horse\n")
    monkeypatch.delenv("FACEVEIL_PASSPHRASE")
    with_file = ("--passphrase-file", "secret.txt")
    done = faceveil("protect", portrait_path, "--person", "anna", "-o", "x.png", *with_file)
    assert done.returncode in (0, 5), done.stderr.decode()
    refused(faceveil("protect", portrait_path, "--person", "anna"), 2, "--passphrase-file")
    changed = faceveil("keys", "passphrase", "anna", *with_file)
    refused(changed, 2, "give --new-passphrase-file where nobody can be asked")
    refused(faceveil("enrol", "bob", portrait_path, "--set", "method=chameleon"), 2, "is a table")
    enrolled.write_bytes(enrolled.read_bytes()[:-3])
    damaged = faceveil("protect", portrait_path, "--person", enrolled.stem, *with_file)
    refused(damaged, 3, "is damaged or cut short")


def test_a_photo_without_the_person_is_told(
    faceveil: Run, enrolled: Path, tmp_path: Path, a_stranger: Callable[[Path], None]
) -> None:
    a_stranger(tmp_path / "bob.png")
    done = faceveil("protect", "bob.png", "--person", "anna")
    assert done.returncode == 4, done.stderr.decode()
    assert b"anna was not recognised in any of its 1 faces" in done.stderr
    assert not (tmp_path / "bob.veiled.png").exists()


@pytest.fixture
def a_stranger() -> Callable[[Path], None]:
    """Writes a photo of somebody else."""

    def write(path: Path) -> None:
        from faceveil.data.orl import open_orl

        grey = Image.fromarray(next(iter(open_orl())).read().pixels)
        grey.resize((368, 448), Image.Resampling.BICUBIC).save(path)

    return write
