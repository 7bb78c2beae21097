"""Running the command line as a user does, in a process of its own."""

from __future__ import annotations

import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]

FORKED = Path(__file__).with_name("forked.py")

HEAVY = ["jinja2", "numpy", "onnx", "PIL.Image", "rich", "torch", "typer"]
"""What every command imports of others' packages, and what takes most of its start."""


@pytest.fixture(scope="session")
def begin() -> Callable[..., int]:
    """``begin(arguments, cwd, streams)`` runs ``python -m faceveil`` to its end; its exit status.

    Where there are forks, the process is one of a process that has imported :data:`HEAVY` and
    nothing of faceveil; a start then takes a tenth of a second instead of two.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return _spawned
    multiprocessing.set_forkserver_preload(HEAVY)
    return _forked


@pytest.fixture
def faceveil(tmp_path: Path, begin: Callable[..., int]) -> Run:
    """``faceveil(*arguments)`` in ``tmp_path``; gives the finished process, output as bytes."""
    streams = tmp_path.with_name(f"{tmp_path.name}-streams")
    streams.mkdir()

    def run(
        *arguments: str | Path, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        (streams / "0").write_bytes(stdin or b"")
        argv = ["faceveil", *map(str, arguments)]
        status = begin(argv, tmp_path, streams)
        out, err = ((streams / name).read_bytes() for name in "12")
        return subprocess.CompletedProcess(argv, status, out, err)

    return run


def _spawned(argv: list[str], cwd: Path, streams: Path) -> int:
    command = [sys.executable, "-m", *argv]
    with (
        (streams / "0").open("rb") as stdin,
        (streams / "1").open("wb") as stdout,
        (streams / "2").open("wb") as stderr,
    ):
        files = {"stdin": stdin, "stdout": stdout, "stderr": stderr}
        return subprocess.run(command, cwd=cwd, **files, timeout=300, check=False).returncode


def _forked(argv: list[str], cwd: Path, streams: Path) -> int:
    call = (argv, cwd, streams, dict(os.environ))
    process = multiprocessing.get_context("forkserver").Process(
        target=runpy.run_path, args=(str(FORKED), {"call": call})
    )
    process.start()
    process.join(300)
    if process.exitcode is None:
        process.kill()
        raise subprocess.TimeoutExpired(argv, 300)
    return process.exitcode


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Children can be stopped with Ctrl-C even if the tests run in the background.

    A shell lets what it starts with ``&`` ignore SIGINT, and children inherit that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
