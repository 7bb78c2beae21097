"""``faceveil keys new``, ``protect --owner`` and ``trace`` as a user runs them."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.cli.conftest import Run

QUICK = (
    *("--set", "method.steps=12", "--set", "method.alpha=1.5", "--set", "method.insistence=30"),
    *("--surrogate", "mobilefacenet", "--max-damage", "70"),
)


@pytest.fixture
def school(faceveil: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> str:
    """An owner of that name on the keyring; their id."""
    monkeypatch.setenv("FACEVEIL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("FACEVEIL_PASSPHRASE", "correct horse")
    done = faceveil("keys", "new", "school")
    assert done.returncode == 0, done.stderr.decode()
    found = re.search(r"school marks photos as ([0-9a-f]{13})\.", done.stdout.decode())
    assert found is not None
    return found[1]


def test_a_photo_is_marked_and_traced(
    faceveil: Run, school: str, portrait_path: Path, tmp_path: Path
) -> None:
    done = faceveil("protect", portrait_path, "--owner", "school", "-o", "me.png", *QUICK)
    assert done.returncode in (0, 5), done.stderr.decode()
    assert f"face 1 carries the mark {school}".encode() in done.stderr
    paper = json.loads((tmp_path / "me.png.veil.json").read_text())
    assert paper["settings"]["method"]["owner"] == paper["faces"][0]["mark"]["owner"] == school
    assert "school" not in json.dumps(paper)

    done = faceveil("trace", "me.png", "--owner", "school")
    assert done.returncode == 0, done.stderr.decode()
    assert f"carries the mark {school} of school".encode() in done.stdout

    (tmp_path / "found").mkdir()
    shutil.copy(tmp_path / "me.png", tmp_path / "found" / "me.veiled.png")
    done = faceveil("trace", "found")
    assert (done.returncode, f"mark {school} " in done.stdout.decode()) == (0, True)

    done = faceveil("trace", "me.png", portrait_path, "--json")
    assert done.returncode == 5
    marks = [record["mark"] for record in json.loads(done.stdout)]
    assert [mark and mark["owner"] for mark in marks] == [school, None]


def test_what_cannot_be_traced_is_a_sentence(faceveil: Run, school: str, tmp_path: Path) -> None:
    Image.fromarray(np.full((64, 64, 3), 90, np.uint8)).save(tmp_path / "wall.png")
    (tmp_path / "torn.jpg").write_bytes(b"\xff\xd8\xff torn")
    done = faceveil("trace", tmp_path)
    assert done.returncode == 3
    assert b"wall.png: no face found" in done.stderr
    assert b"torn.jpg is damaged" in done.stderr
    done = faceveil("trace", "gone.png")
    assert (done.returncode, b"gone.png does not exist" in done.stderr) == (2, True)
    done = faceveil("trace", "home")
    assert (done.returncode, b"no photo in home (folders inside" in done.stderr) == (2, True)
    done = faceveil("trace")
    assert (done.returncode, b"Name the photos" in done.stderr) == (2, True)
    (key,) = (tmp_path / "home" / "keys").iterdir()
    key.write_bytes(key.read_bytes()[:-9])
    done = faceveil("trace", "wall.png", "--owner", key.stem)
    assert (done.returncode, b"damaged or cut short" in done.stderr) == (3, True)


def test_owner_and_method_must_agree(faceveil: Run, school: str, portrait_path: Path) -> None:
    done = faceveil("protect", portrait_path, "--owner", "school", "--method", "mim")
    assert (done.returncode, b"leave one of them out" in done.stderr) == (2, True)
    done = faceveil("protect", portrait_path, "--method", "watermark")
    assert (done.returncode, b"--owner" in done.stderr) == (2, True)
