from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from faceveil.app import models as use_cases
from faceveil.app.models import Calibrated
from faceveil.cli.models import app
from faceveil.core import config
from faceveil.core.errors import ModelError
from faceveil.recognisers import pull as source
from faceveil.recognisers import zoo
from faceveil.recognisers.card import Calibration, Threshold, read_card

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACEVEIL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("COLUMNS", "200")


def invoke(*arguments: str | Path) -> Result:
    return CliRunner().invoke(
        app, [str(argument) for argument in arguments], catch_exceptions=False
    )


def test_the_list_says_where_each_recogniser_comes_from(tiny_pair: Path) -> None:
    use_cases.add(tiny_pair.with_suffix(".onnx"), tiny_pair)
    rows = {row["name"]: row for row in json.loads(invoke("list", "--json").output)}
    assert list(rows) == [*zoo.RECOGNISERS, "tiny", *source.URLS]
    assert {row["from"] for row in rows.values()} == {"bundled", "yours", "pull"}
    assert rows["tiny"]["threshold"] is None
    dlib = read_card(zoo.locate("dlib"))
    assert rows["dlib"]["threshold"] == dlib.threshold(0.01).cosine
    table = invoke("list").output
    assert all(name in table for name in rows)


def test_a_damaged_card_does_not_hide_the_others(tiny_pair: Path) -> None:
    use_cases.add(tiny_pair.with_suffix(".onnx"), tiny_pair)
    (zoo.home() / "tiny.toml").write_text("name = ")
    rows = {row["name"]: row for row in json.loads(invoke("list", "--json").output)}
    assert "unusable" in rows["tiny"]["title"]
    assert "dlib" in rows


def test_what_a_card_says_is_text(tiny_pair: Path) -> None:
    text = tiny_pair.read_text().replace('title = "Tiny', 'title = "[/b] :cat: [red]Tiny')
    tiny_pair.write_text(text)
    use_cases.add(tiny_pair.with_suffix(".onnx"), tiny_pair)
    for arguments in (("list",), ("show", "tiny")):
        words = invoke(*arguments).output.split()
        assert {"[/b]", ":cat:", "[red]Tiny"} <= set(words)


def test_a_pulled_model_is_no_longer_to_be_pulled() -> None:
    zoo.home().mkdir(parents=True)
    card = source.cards()["sface"]
    (zoo.home() / "sface.toml").write_text(config.write(card))
    rows = [row for row in json.loads(invoke("list", "--json").output) if row["name"] == "sface"]
    assert [row["from"] for row in rows] == ["yours"]


def test_show_prints_the_card(tiny_pair: Path) -> None:
    text = invoke("show", "faceres").output
    card = read_card(zoo.locate("faceres"))
    assert card.sha256 in text
    assert "224 x 224 BGR" in text
    assert f"{card.threshold(0.001).cosine:.3f}" in text
    assert json.loads(invoke("show", "faceres", "--json").output) == config.plain(card)
    assert "not pulled yet" in invoke("show", "sface").output
    assert "calibrate" in invoke("show", tiny_pair).output


def test_add_copies_and_says_what_comes_next(tiny_pair: Path) -> None:
    result = invoke("add", tiny_pair.with_suffix(".onnx"), "--card", tiny_pair)
    assert "faceveil models calibrate tiny --data DIR" in result.output
    assert "tiny" in zoo.names()


def test_calibrate_prints_thresholds_and_names_skipped_photos(
    tiny_pair: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calibration = Calibration("faces", "centerface", 2, 3, 4000, (Threshold(0.01, 0.4567, 0.89),))
    card = replace(read_card(tiny_pair), calibration=calibration)
    asked = {}

    def calibrate_card(name: str, data: Path, **settings: object) -> Calibrated:
        asked.update(settings, name=name, data=data)
        return Calibrated(card, tiny_pair, (tmp_path / "dark.png",))

    monkeypatch.setattr(use_cases, "calibrate_card", calibrate_card)
    arguments = ["calibrate", "tiny", "--data", tmp_path, "--first", "9", "--device", "cpu"]
    result = invoke(*arguments)
    assert (asked["name"], asked["data"], asked["first"]) == ("tiny", tmp_path, 9)
    assert "0.457" in result.stdout
    assert "4,000 impostor pairs" in result.stdout
    assert "dark.png" in result.stderr


def test_what_was_added_can_be_removed_even_damaged(tiny_pair: Path) -> None:
    use_cases.add(tiny_pair.with_suffix(".onnx"), tiny_pair)
    (zoo.home() / "tiny.toml").write_text("name = ")
    assert invoke("remove", "tiny").output == "tiny is removed.\n"
    assert "tiny" not in zoo.names()
    assert list(zoo.home().iterdir()) == []
    for name in ("dlib", str(tiny_pair)):
        with pytest.raises(ModelError, match="neither added nor pulled"):
            invoke("remove", name)
    assert tiny_pair.is_file()


def test_pull_fetches_and_says_where(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def pull(name: str, progress: Callable[[int, int | None], None]) -> Path:
        progress(1, None)
        progress(2, 2)
        return tmp_path / f"{name}.toml"

    monkeypatch.setattr(source, "pull", pull)
    assert f"sface is in {tmp_path}" in invoke("pull", "sface").output


@pytest.mark.parametrize(
    "arguments",
    [
        ("show", "nobody"),
        ("pull", "nobody"),
        ("remove", "nobody"),
        ("calibrate", "dlib", "--data", "."),
    ],
)
def test_what_cannot_be_done_is_an_error_of_ours(arguments: tuple[str, ...]) -> None:
    with pytest.raises(ModelError):
        invoke(*arguments)


def test_an_error_is_one_line_and_an_exit_code(faceveil: Run) -> None:
    done = faceveil("models", "show", "nobody")
    assert done.returncode == 3
    assert done.stderr.decode().count("\n") == 1
    assert b"known are mobilefacenet" in done.stderr


@pytest.mark.parametrize("arguments", [["--help"], ["list"], ["show", "dlib"], ["pull", "--help"]])
def test_looking_needs_no_torch(arguments: list[str]) -> None:
    code = (
        "import sys; from faceveil.cli.models import app; "
        f"app({arguments!r}, standalone_mode=False); "
        "sys.exit('torch' in sys.modules or 'onnx' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], check=False, capture_output=True)
    assert done.returncode == 0, done.stderr
