"""HTML pages as files, which replace earlier pages and nothing else."""

from __future__ import annotations

from pathlib import Path

from faceveil.core.errors import UsageError
from faceveil.io import atomic

SUFFIXES = (".html", ".htm")


def check(path: Path) -> None:
    """Refuses a name that may be a photo's, before any work.

    Raises:
        UsageError: it is not called like a page.
        PhotoError: it cannot be written.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(f"{path}: the report is a web page: call it {path.stem}.html.")
    atomic.check(path, overwrite=True)


def write(path: Path, html: str) -> None:
    """The page at ``path``, instead of an earlier one.

    Raises:
        UsageError: see :func:`check`.
        PhotoError: it cannot be written.
    """
    check(path)
    # Names of files on old disks may not be Unicode.
    atomic.write(path, html.encode(errors="backslashreplace"), overwrite=True)
