"""``faceveil bench`` through the real command line, with small recognisers on generated people."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.bench.conftest import entries, write_card, write_people
from tests.cli.conftest import Run
from typer.testing import CliRunner, Result

from faceveil.bench.registry import PROTOCOLS
from faceveil.cli import bench
from faceveil.cli.main import app
from faceveil.core.errors import FaceveilError

COMMON = (
    "--data", "people", "--cache", "cache", "--set", "alignment=aligned", "--victims",
    "ada.toml,bob.toml",
)  # fmt: skip
TIP_IM = (
    "tip-im", *COMMON, "--surrogates", "ada.toml", "--methods", "mim,darken", "--set", "probes=:2",
    "--set", "targets=2:4", "--set", "distractors=4:6", "--set", "settings.mim.method.steps=2",
)  # fmt: skip


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, onnx_file: Callable[..., bytes]) -> Path:
    """A folder with ``people``, ``ada.toml`` and ``bob.toml``; where commands run."""
    monkeypatch.chdir(tmp_path)
    write_people(tmp_path / "people", 6, 2)
    for seed, name in enumerate(("ada", "bob")):
        write_card(tmp_path, name, onnx_file(seed=seed))
    return tmp_path


def invoke(*arguments: str) -> Result:
    """``faceveil bench`` in this process, whose libraries need not be imported again."""
    return CliRunner().invoke(app, ["bench", *arguments])


def test_help_is_quick_and_lists_every_protocol_there_is() -> None:
    code = (
        "import sys\nfrom typer.testing import CliRunner\nfrom faceveil.cli.main import app\n"
        "for rest in ([], ['bench']):\n"
        "    print(CliRunner().invoke(app, [*rest, '--help']).output)\n"
        "print([name for name in ('torch', 'numpy', 'PIL', 'onnx') if name in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, timeout=60)
    assert done.stdout.splitlines()[-1] == b"[]"
    for name in PROTOCOLS:
        assert name.encode() in done.stdout
    assert {name: kind.summary for name, kind in PROTOCOLS.items()} == bench.PROTOCOLS


@pytest.mark.parametrize("name", PROTOCOLS)
def test_a_protocols_help_goes_on_with_all_its_fields(name: str) -> None:
    done = invoke(name, "--help")
    assert done.exit_code == 0, done.output
    assert "--keep-veiled" in done.output
    for field in dataclasses.fields(PROTOCOLS[name]):
        assert f"\n  {field.name}: " in done.output


def test_a_run_from_command_to_tables_and_again_from_cache(faceveil: Run, here: Path) -> None:
    done = faceveil("bench", *TIP_IM, "-o", "run", "--jobs", "1", "--keep-veiled")
    assert done.returncode == 0, done.stderr.decode()
    assert all(line.endswith(b" left") for line in done.stderr.splitlines())  # progress, if slow
    text = done.stdout.decode()
    for word in ("Rank-1-T", "Rank-5-UT", "mim", "darken", "ada.toml", "bob.toml", "[0.00]"):
        assert word in text, text
    assert "…" not in text  # nothing is cut off where a page is narrow
    assert len(list((here / "run" / "veiled").rglob("*.png"))) == 4
    files = {path: path.read_bytes() for path in (here / "run").glob("*.json*")}
    again = invoke(*TIP_IM, "-o", "run", "--json", "--jobs", "1")
    assert again.exit_code == 0, again.output
    assert json.loads(again.stdout) == json.loads(files[here / "run" / "figures.json"])
    assert {path: path.read_bytes() for path in (here / "run").glob("*.json*")} == files


def test_a_runs_own_protocol_can_be_run_again_elsewhere(here: Path) -> None:
    first = invoke(*TIP_IM, "-o", "run", "--jobs", "1", "--json")
    second = invoke(
        "tip-im", "--config", "run/protocol.toml", "-o", "other", "--cache", "cache", "--json"
    )
    assert (first.exit_code, second.exit_code) == (0, 0), second.output
    assert first.stdout == second.stdout
    for name in ("protocol.toml", "results.jsonl"):
        assert (here / "run" / name).read_bytes() == (here / "other" / name).read_bytes()


def test_pictures_left_out_are_told(here: Path) -> None:
    (here / "people" / "p05" / "torn.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    done = invoke("clean", *COMMON, "-o", "run", "--jobs", "1")
    assert done.exit_code == 0, done.output
    assert "Left out: 1 pictures, the first p05/torn.png" in " ".join(done.output.split())
    assert "Rank-1" in done.stdout


def foreign(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (place TEXT)")
    connection.close()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("tip-im", "-o", "run"), "say what is measured on"),
        (("tip-im", "-o", "run", "--data", "gone"), "gone holds no pictures by person"),
        ((*TIP_IM, "-o", "run", "--preset", "big"), "tip-im has no preset 'big'"),
        ((*TIP_IM, "-o", "run", "--config", "gone.toml"), "gone.toml: cannot be read"),
        ((*TIP_IM, "-o", "run", "--set", "probez=1"), "probez: there is no such field"),
        ((*TIP_IM, "-o", "run", "--set", "targets=1:3"), "p01 can only play one part"),
        ((*TIP_IM, "-o", "run", "--set", "probes=zed"), "zed has one picture only"),
        ((*TIP_IM, "-o", "run", "--set", "probes=:9"), "':9' does not choose among 7 people"),
        (
            (*TIP_IM, "-o", "run", "--set", "targets=", "--set", "distractors="),
            "Rank-5 means nothing in a gallery of 2",
        ),
        ((*TIP_IM, "-o", "run", "--methods", "magic"), "no method 'magic'"),
        ((*TIP_IM, "-o", "run", "--methods", ","), "Name a method"),
        ((*TIP_IM, "-o", "run", "--device", "abacus"), "no device 'abacus'"),
        ((*TIP_IM, "-o", "taken"), "taken holds a run of another protocol or of other settings"),
        ((*TIP_IM, "-o", "run", "--cache", "diary"), "diary: cannot be used as a cache"),
        ((*TIP_IM, "-o", "run", "--cache", "bookmarks"), "bookmarks: cannot be used as a cache"),
        ((*TIP_IM, "-o", "run", "--cache", "people"), "people: cannot be used as a cache"),
        ((*TIP_IM, "-o", "run", "--cache", "diary/c"), "diary/c: cannot be used as a cache"),
        (("clean", *COMMON, "-o", "run", "--methods", "mim"), "methods: there is no such field"),
        (("clean", *COMMON, "-o", "run", "--set", "people=zoe"), "'zoe' names nobody here"),
        (("verification", "-o", "run", "--data", "people"), "people holds no verification pairs"),
        (
            ("psr", *COMMON, "-o", "run", "--set", "probes=:2", "--set", "calibration=2:6"),
            "FAR 0.01 cannot be told from 24 impostor pairs",
        ),
        (
            ("psr", *COMMON, "-o", "run", "--set", "probes=:2", "--set", "calibration=1:6"),
            "p01 cannot be protected and calibrated on at once",
        ),
        (
            ("robustness", *COMMON, "-o", "run", "--set", "treatments=['wash 40']"),
            "'wash 40' is no step",
        ),
    ],
)  # fmt: skip
def test_bad_input_gets_a_sentence_and_exit_code_2_before_any_work(
    here: Path, arguments: tuple[str, ...], said: str
) -> None:
    (here / "people" / "zed").mkdir()
    Image.new("RGB", (48, 48)).save(here / "people" / "zed" / "one.png")
    (here / "diary").write_text("Dear diary, " * 200)
    foreign(here / "bookmarks")
    (here / "taken").mkdir()
    (here / "taken" / "protocol.toml").write_text('protocol = "psr"\n')
    done = invoke(*arguments)
    assert isinstance(done.exception, FaceveilError), done.output
    assert said in str(done.exception)
    assert done.exception.exit_code == 2
    assert not (here / "run" / "results.jsonl").exists()


def test_a_refusal_is_one_line_of_a_real_command(faceveil: Run, here: Path) -> None:
    done = faceveil("bench", *TIP_IM, "-o", "run", "--set", "probes=3:9")
    assert done.returncode == 2
    assert done.stderr.count(b"\n") == 1
    assert done.stderr.startswith(b"faceveil: '3:9' does not choose")


@pytest.mark.slow
def test_what_fails_in_another_process_is_one_line_too(faceveil: Run, here: Path) -> None:
    Image.new("RGB", (48, 40)).save(here / "people" / "p03" / "2.png")
    done = faceveil("bench", *TIP_IM, "-o", "run", "--jobs", "2")
    assert done.returncode == 2, done.stderr.decode()
    assert b"Traceback" not in done.stderr
    assert b"p03/2.png is 48 x 40 px, and only a square can be taken" in done.stderr


def processes_of(parent: int) -> list[int]:
    """Its children on Linux; none elsewhere."""
    try:
        text = Path(f"/proc/{parent}/task/{parent}/children").read_text()
    except OSError:
        return []
    return [int(pid) for pid in text.split()]


@pytest.mark.slow
def test_killed_again_and_again_a_run_loses_nothing_it_had_finished(here: Path) -> None:
    """SIGKILL to the command alone, as the kernel does for lack of memory."""
    write_people(here / "people", 24, 2)
    arguments = [*TIP_IM, "--set", "probes=:16", "--set", "targets=16:20", "--set",
                 "distractors=20:24", "--set", "settings.mim.method.steps=20"]  # fmt: skip
    command = [sys.executable, "-m", "faceveil", "bench", *arguments]
    subprocess.run([*command, "-o", "whole", "--cache", "other"], check=True, capture_output=True)
    everything = entries(here / "other")
    draw = random.Random(20)
    known: dict[str, bytes] = {}
    workers: set[int] = set()
    n_gains = 0
    for jobs in 3 * ("1", "2"):
        enough = len(known) + draw.randint(1, len(everything) // 7)
        asked = [*command, "--jobs", jobs, "-o", "run"]
        with subprocess.Popen(asked, stdout=subprocess.DEVNULL) as process:
            while len(entries(here / "cache")) < enough:
                assert process.poll() is None
                workers.update(processes_of(process.pid))
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        now = entries(here / "cache")
        assert now.items() >= known.items()
        n_gains += len(now) > len(known)
        known = now
    assert n_gains == 6
    assert len(known) < len(everything)
    subprocess.run([*command, "--jobs", "1", "-o", "run"], check=True, capture_output=True)
    final = entries(here / "cache")
    assert final.items() >= known.items()  # nothing that was finished was worked out again
    assert final.keys() == everything.keys()
    for name in ("results.jsonl", "figures.json"):
        assert (here / "run" / name).read_bytes() == (here / "whole" / name).read_bytes()
    deadline = time.monotonic() + 20
    while any(Path(f"/proc/{pid}").exists() for pid in workers):
        assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.usefixtures("interruptible")
@pytest.mark.slow
@pytest.mark.skipif(os.name == "nt", reason="Windows has no SIGINT for one process")
def test_ctrl_c_keeps_what_is_finished(here: Path) -> None:
    command = [sys.executable, "-m", "faceveil", "bench", *TIP_IM, "-o", "run", "--set",
               "settings.mim.method.steps=200", "--jobs", "2"]  # fmt: skip
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not (len(entries(here / "cache")) > 3):
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=120)
    assert process.returncode == 130
    assert b"Stopped: what is finished is kept" in stderr
    assert b"Traceback" not in stderr
    assert len(entries(here / "cache")) > 3
