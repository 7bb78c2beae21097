"""``faceveil check`` through the real command line."""

from __future__ import annotations

import json
import shutil
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from tests.cli.conftest import Run
from typer.testing import CliRunner, Result

from faceveil.cli.main import app
from faceveil.core.errors import FaceveilError

FACE = (165, 55, 285, 200)


@pytest.fixture
def photos(tmp_path: Path, portrait: NDArray[np.uint8], monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where ``me.png``, a pixelated ``hidden.png``, a ``soft.png`` and a ``sky.png`` lie."""
    monkeypatch.chdir(tmp_path)
    image = Image.fromarray(portrait)
    image.save(tmp_path / "me.png")
    image.filter(ImageFilter.GaussianBlur(0.4)).save(tmp_path / "soft.png")
    face = image.crop(FACE)
    coarse = face.resize((10, 12), Image.Resampling.BOX)
    image.paste(coarse.resize(face.size, Image.Resampling.NEAREST), FACE[:2])
    image.save(tmp_path / "hidden.png")
    Image.new("RGB", image.size, (90, 140, 200)).save(tmp_path / "sky.png")
    return tmp_path


def invoke(*arguments: str) -> Result:
    """``faceveil check`` in this process, whose models need not be imported again."""
    return CliRunner().invoke(app, ["check", *arguments])


def test_a_hidden_face_is_a_success(faceveil: Run, photos: Path) -> None:
    done = faceveil("check", "me.png", "hidden.png", "--recogniser", "dlib", "--resize", "1")
    assert done.returncode == 0, done.stderr.decode()
    text = done.stdout.decode()
    assert "JPEG 75" in text
    assert "half size" not in text
    assert "Nothing is known of how hidden.png was made" in text
    assert "Not recognised: dlib does not match the face (tested as written, JPEG 75)." in text


def test_a_face_still_there_is_told_by_the_exit_code(photos: Path) -> None:
    done = invoke("me.png", "soft.png", "--recogniser", "dlib", "--json")
    assert done.exit_code == 5
    verdict = json.loads(done.stdout)
    assert verdict["outcome"] == "recognised"
    assert [one["name"] for one in verdict["faces"][0]["conditions"]] == [
        "as written",
        "JPEG 75",
        "half size",
        "half size + JPEG 75",
    ]
    assert verdict["faces"][0]["conditions"][0]["matches"][0]["role"] == "unknown"


def test_all_bundled_recognisers_are_asked_and_the_table_fits(photos: Path) -> None:
    done = invoke("me.png", "me.png")
    assert done.exit_code == 5
    rows = done.stdout.splitlines()[:13]
    assert all(len(row) <= 80 for row in rows)
    assert sum("half size + JPEG 75" in row for row in rows) == 3
    for name in ("dlib", "faceres", "mobilefacenet"):
        assert sum(f" {name} " in row for row in rows) == 4
    assert "me.png and me.png are the same file" in done.stdout


def test_a_report_is_written(photos: Path) -> None:
    name = "<script>.png"
    shutil.copy(photos / "hidden.png", photos / name)
    done = invoke("me.png", name, "--recogniser", "dlib", "--report", "r.html")
    assert done.exit_code == 0
    html = (photos / "r.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;.png" in html
    assert name not in html
    assert f"faceveil {version('faceveil')}" in html


def test_a_gallery_is_ranked(photos: Path) -> None:
    (photos / "people" / "her").mkdir(parents=True)
    shutil.copy(photos / "soft.png", photos / "people" / "her")
    shutil.copy(photos / "sky.png", photos / "people")
    arguments = ("me.png", "--gallery", "people", "--recogniser", "dlib")
    done = invoke(*arguments)
    assert done.exit_code == 5
    assert done.stdout.endswith("Face 1: dlib takes it for her.\n")
    assert "people/sky.png shows no face and was left out." in done.stdout
    found = json.loads(invoke(*arguments, "--json").stdout)
    assert found["faces"][0]["rankings"][0]["candidates"][0]["label"] == "her"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "sentence"),
    [
        (["me.png"], 2, "Name the veiled photo too"),
        (["me.png", "soft.png", "--gallery", "."], 2, "leave one of the two out"),
        (["me.png", "--gallery", ".", "--report", "r.html"], 2, "leave --gallery out"),
        (["me.png", "me.png", "--report", "me.png"], 2, "call it me.html"),
        (["me.png", "soft.png", "--recogniser", "eve"], 3, "no recogniser called 'eve'"),
        (["me.png", "soft.png", "--device", "abacus"], 2, "no device 'abacus'"),
        (["me.png", "gone.png"], 3, "gone.png cannot be read"),
        (["sky.png", "sky.png", "--recogniser", "dlib"], 4, "sky.png: no face found"),
    ],
)
def test_what_goes_wrong_is_a_sentence(
    photos: Path, arguments: list[str], exit_code: int, sentence: str
) -> None:
    done = invoke(*arguments)
    assert isinstance(done.exception, FaceveilError)
    assert done.exception.exit_code == exit_code
    assert sentence in str(done.exception)
    assert done.stdout == ""
