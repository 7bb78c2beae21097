"""``faceveil bench report`` and ``compare`` through the real command line."""

from __future__ import annotations

import json
from pathlib import Path

from tests.bench.made import PSR_AT, figure, write_run
from tests.cli.conftest import Run


def test_a_report_is_one_file(faceveil: Run, tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_run(tmp_path / name, [figure("PSR@0.01", PSR_AT)])
    done = faceveil("bench", "report", "a", "b", "-o", "page/report.html")
    assert done.returncode == 0, done.stderr.decode()
    html = (tmp_path / "page" / "report.html").read_text(encoding="utf-8")
    assert "What was measured: a, b" in html
    assert "Made by" in html


def test_a_folder_without_a_run_is_a_sentence_and_exit_2(faceveil: Run, tmp_path: Path) -> None:
    for arguments in (
        ("report", "nothing", "-o", "report.html"),
        ("compare", "nothing", "nothing"),
    ):
        done = faceveil("bench", *arguments)
        assert done.returncode == 2
        assert b"nothing holds no finished run" in done.stderr
        assert b"Traceback" not in done.stderr
    assert not (tmp_path / "report.html").exists()


def test_two_runs_are_compared(faceveil: Run, tmp_path: Path) -> None:
    for name, psr in (("a", 0.4), ("b", 0.9)):
        write_run(tmp_path / name, [figure("PSR@0.01", PSR_AT, psr)])
    done = faceveil("bench", "compare", "a", "b")
    assert done.returncode == 0, done.stderr.decode()
    assert b"+0.5" in done.stdout
    record = json.loads(faceveil("bench", "compare", "a", "b", "--json").stdout)
    assert record["figures"][0]["difference"] == 0.5


def test_a_figure_becomes_a_claim(faceveil: Run, tmp_path: Path) -> None:
    write_run(tmp_path / "run", [figure("PSR@0.01", PSR_AT, 0.84)])
    done = faceveil(
        "bench", "claim", "run", "psr-dlib", "--measure", "PSR@0.01", "--at", "left out=dlib",
        "--sentence", "84 % are no longer matched.", "--printed", "84 %",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads((tmp_path / "claims" / "psr-dlib.json").read_text())["measured"]["n"] == 50
