"""Running the command line as a user does, in a process of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
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
