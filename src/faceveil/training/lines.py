"""Files of JSON, a record a line, that grow and survive being cut off anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from faceveil.core.errors import PhotoError
from faceveil.io import atomic


def read(path: Path) -> list[dict[str, Any]]:
    """The records of a file up to the first line that was cut off; none if there is no file."""
    records: list[dict[str, Any]] = []
    if path.is_file():
        for line in path.read_bytes().splitlines(keepends=True):
            try:
                records.append(json.loads(line))
            except ValueError:
                break
            if not line.endswith(b"\n"):
                records.pop()
    return records


def rewrite(path: Path, records: Sequence[Mapping[str, Any]]) -> None:
    """Make ``records`` all there is in a file."""
    atomic.write(path, b"".join(map(_line, records)), overwrite=True)


def append(path: Path, record: Mapping[str, Any]) -> None:
    """Add one record to a file.

    Raises:
        PhotoError: the disk is full, or the file cannot be written.
    """
    with growing(path), path.open("ab") as file:
        file.write(_line(record))


@contextmanager
def growing(path: Path) -> Iterator[None]:
    """Says in a sentence why a file could not grow."""
    try:
        yield
    except OSError as error:
        raise PhotoError(
            f"{path} could not be written ({error.strerror}): make room, then go on with --resume."
        ) from error


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record).encode() + b"\n"
