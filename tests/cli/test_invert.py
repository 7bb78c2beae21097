"""``faceveil invert`` through the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.bench.conftest import write_people
from tests.cli.conftest import Run
from typer.testing import CliRunner, Result

from faceveil.cli.main import app
from faceveil.core.errors import FaceveilError
from faceveil.data import orl

RECIPE = """
data = "people"
name = "tiny"
alignment = "aligned"
size_px = 16
epochs = 1
batch = 8
held_out_people = "6:12"
[backbone]
embedding_size = 8
"""


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


def test_from_a_trained_run_to_a_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_people(tmp_path / "people", 12, 4)
    (tmp_path / "tiny.toml").write_text(RECIPE, encoding="utf-8")
    trained = invoke("train", "tiny.toml", "-o", "run")
    assert trained.exit_code == 0, trained.output
    asked = (
        "invert", "run", "-o", "out", "--attack", "mi-face", "--attack", "membership",
        "--people", "p00-p02", "--set", "mi-face.steps=2",
    )  # fmt: skip
    done = invoke(*asked)
    assert done.exit_code == 0, done.output
    assert "Judged by mobilefacenet" in done.stdout
    for line in ("mi-face", "mean public face", "held-out photos", "membership, AUC", "n = 3"):
        assert line in done.stdout
    assert (tmp_path / "out" / "sheet.png").is_file()
    again = invoke(*asked, "--json")
    outcomes = json.loads(again.stdout)
    assert outcomes == json.loads((tmp_path / "out" / "figures.json").read_text())["outcomes"]
    assert outcomes[1]["victim"] == "tiny-untrained"
    for arguments, said in (
        (("--attack", "gan"), "There is no attack 'gan'; there are eigenfaces"),
        (("--people", "p09"), "'p09' names nobody here"),
        (("--set", "mi-face.steps=2"), "this attack is not made; add --attack mi-face"),
        (("--device", "abacus"), "no device 'abacus'"),
    ):
        wrong = invoke("invert", "run", "-o", "wrong", *arguments)
        assert isinstance(wrong.exception, FaceveilError), wrong.output
        assert said in str(wrong.exception)


@pytest.mark.slow
def test_orl_through_an_enrolled_recogniser(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(orl, "N_PEOPLE", 12)
    done = invoke(
        "invert", "mobilefacenet", "-o", "out", "--data", "orl", "--public", "4:12", "--people",
        "s1-s2", "--set", "eigenfaces.steps=2", "--set", "eigenfaces.searches=1", "--json",
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    outcomes = json.loads(done.stdout)
    assert [one["title"] for one in outcomes] == [
        "eigenfaces", "mean public face", "random public face",
    ]  # fmt: skip
    assert outcomes[0]["figures"]["Acc@1"]["n"] == 2
    assert json.loads((tmp_path / "out" / "figures.json").read_text())["judge"] == "faceres"


def test_help_loads_nothing_heavy(faceveil: Run) -> None:
    done = faceveil("invert", "--help")
    assert done.returncode == 0
    assert b"--public" in done.stdout
