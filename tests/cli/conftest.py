"""Running the command line as a user does, in a process of its own."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

Run = Callable[..., "subprocess.CompletedProcess[bytes]"]


@pytest.fixture
def faceveil(tmp_path: Path) -> Run:
    """``faceveil(*arguments)`` in ``tmp_path``; gives the finished process, output as bytes."""

    def run(
        *arguments: str | Path, stdin: bytes | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            [sys.executable, "-m", "faceveil", *map(str, arguments)],
            cwd=tmp_path,
            input=stdin,
            capture_output=True,
            timeout=300,
            check=False,
        )

    return run


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Children can be stopped with Ctrl-C even if the tests run in the background.

    A shell lets what it starts with ``&`` ignore SIGINT, and children inherit that.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)
