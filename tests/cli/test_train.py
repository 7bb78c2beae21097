"""``faceveil train`` through the command line: what it leaves is a recogniser like any other."""

from __future__ import annotations

import json
import pickle
import shutil
from pathlib import Path

import pytest
from PIL import Image
from tests.bench.conftest import write_people
from typer.testing import CliRunner, Result

from faceveil.app import train as use_case
from faceveil.cli.main import app
from faceveil.core.errors import FaceveilError
from faceveil.recognisers import zoo
from faceveil.training.journal import LOG

RECIPE = """
data = "people"
name = "tiny"
alignment = "aligned"
size_px = 16
epochs = 1
batch = 8
checkpoint_every = 2
held_out_people = "6:10"
[backbone]
embedding_size = 8
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``people`` and ``tiny.toml``; where commands run."""
    monkeypatch.chdir(tmp_path)
    write_people(tmp_path / "people", 10, 6)
    (tmp_path / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    return tmp_path


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def write_bin(path: Path) -> None:
    """InsightFace's format: twenty pairs of the people's photos, every other of one person."""
    files = [sorted((path.parent / "people" / f"p{i:02d}").glob("*.png")) for i in range(10)]
    pairs = [(files[i][0], files[(i + j) % 10][1]) for i in range(10) for j in range(2)]
    encoded = [file.read_bytes() for pair in pairs for file in pair]
    path.write_bytes(pickle.dumps((encoded, [j == 0 for _ in range(10) for j in range(2)])))


def test_from_a_recipe_to_a_recogniser_that_the_bench_takes(here: Path) -> None:
    (here / "people" / "p02" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    (here / "people" / "alone").mkdir()
    Image.new("RGB", (16, 16), "red").save(here / "people" / "alone" / "one.png")
    write_bin(here / "pairs.bin")
    done = invoke(
        "train", "tiny.toml", "-o", "run", "--json", "--set", "held_out_people='7:11'", "--set",
        "pairs=pairs.bin",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    said = " ".join(done.stderr.split())
    assert "Left out, see left_out.txt: 1 photos, first" in said
    assert "p02/torn.png is damaged" in said
    assert "1 people have one photo only, first alone/one.png" in said
    figures = json.loads(done.stdout)
    names = {"photos/rank-1", "strangers/rank-1", "strangers/TAR@0.01", "pairs/accuracy"}
    assert set(figures) >= names
    assert figures["pairs/accuracy"]["n"] == 20
    assert figures == json.loads((here / "run" / "figures.json").read_text())
    recogniser = zoo.load("run/tiny.toml")
    assert recogniser.card.calibration is not None
    assert recogniser.card.calibration.data == "people, people not trained on"
    assert recogniser.card.calibration.n_people == 4
    bench = invoke(
        "bench", "clean", "--data", "people", "--victims", "run/tiny.toml", "-o", "clean",
        "--cache", "cache", "--jobs", "1", "--set", "alignment=aligned",
    )  # fmt: skip
    assert bench.exit_code == 0, bench.output
    assert "run/tiny.toml" in bench.stdout


def test_public_faces_are_mixed_in_and_belong_to_no_one(here: Path) -> None:
    write_people(here / "others", 3, 4, seed=1)
    train = ("train", "tiny.toml", "-o", "run", "--set", "public=others")
    assert "recipe.public: the defence none mixes no faces" in str(invoke(*train).exception)
    done = invoke(*train, "--set", "defence.name=ahm", "--set", "defence.domain=pixels")
    assert done.exit_code == 0, done.output
    assert "12 public photos are mixed in without a label" in " ".join(done.stderr.split())
    inverted = invoke(
        "invert", "run", "-o", "inverted", "--attack", "recovery", "--people", "p00-p01",
        "--set", "recovery.steps=2", "--judge", "faceres",
    )  # fmt: skip
    assert inverted.exit_code == 0, inverted.output
    assert (here / "inverted" / "sheet.png").is_file()
    refused = invoke("train", "tiny.toml", "-o", "new", "--set", "public=people")
    assert "name other people's photos" in str(refused.exception)
    shutil.copytree(here / "people" / "p03", here / "others" / "stranger")
    refused = invoke(*train[:3], "twins", *train[4:], "--set", "defence.name=ahm")
    assert "others: p03/" in str(refused.exception)
    assert "is among the public photos" in str(refused.exception)


@pytest.mark.slow
def test_resume_needs_nothing_but_the_folder(here: Path) -> None:
    first = invoke("train", "tiny.toml", "-o", "run", "--json")
    files = {path: path.read_bytes() for path in (here / "run").glob("*.*")}
    again = invoke("train", "-o", "run", "--resume", "--json")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout) == json.loads(first.stdout)
    assert {path: path.read_bytes() for path in (here / "run").glob("*.*")} == files


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("train", "-o", "run"), "say what is trained on"),
        (("train", "gone.toml", "-o", "run"), "gone.toml: cannot be read"),
        (("train", "-o", "run", "--preset", "plain"), "no preset 'plain'; there are"),
        (("train", "tiny.toml", "-o", "run", "--data", "gone"), "gone holds no pictures"),
        (("train", "tiny.toml", "-o", "run", "--set", "epoch=2"), "epoch: there is no such field"),
        (("train", "tiny.toml", "-o", "run", "--set", "batch=99"), "A batch of 99 is more than"),
        (("train", "tiny.toml", "-o", "run", "--set", "held_out_people=:9"), "There are 1 people"),
        (("train", "-o", "run", "--resume"), "run holds no run of faceveil train"),
        (("train", "tiny.toml", "-o", "taken"), "taken holds a run: go on with --resume"),
        (("train", "tiny.toml", "-o", "taken", "--resume"), "taken holds a run of another recipe"),
        (("train", "tiny.toml", "-o", "run", "--device", "abacus"), "no device 'abacus'"),
    ],
)
def test_bad_input_gets_a_sentence_before_any_step(
    here: Path, arguments: tuple[str, ...], said: str
) -> None:
    (here / "taken").mkdir()
    (here / "taken" / "recipe.toml").write_text('data = "others"\n', encoding="utf-8")
    (here / "taken" / "checkpoint.safetensors").write_bytes(b"")
    done = invoke(*arguments)
    assert isinstance(done.exception, FaceveilError), done.output
    assert said in str(done.exception)
    assert not (here / "run" / LOG).exists()


def test_what_training_needs_is_asked_for_before_it_begins(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(use_case, "NEEDED", ("no_such_package",))
    done = invoke("train", "tiny.toml", "-o", "run")
    assert isinstance(done.exception, FaceveilError)
    assert 'no_such_package: pip install "faceveil[train]"' in str(done.exception)
