"""RecordIO, MXNet's format: CASIA-WebFace, MS1M and others as InsightFace hands them out.

``train.rec`` holds record after record, and ``train.idx`` a line ``KEY <tab> OFFSET`` for each:

    magic 0xced7230a, 3 bits of part and 29 of length, so many bytes, padding to whole words of 4

A record that holds the magic itself, at a whole word, is cut into parts there, the magic left out:
1 is the first part, 2 one between, 3 the last; 0 is a whole record. Within, MXNet's ``IRHeader``:

    flag (uint32), label (float32), two ids (uint64), then ``flag`` float32 labels, then a JPEG

The first label is the person. Record 0 of InsightFace's sets is no photo: its labels say from which
key to which stand records of people, which hold no photos either. All numbers are little-endian.
"""

from __future__ import annotations

import math
import struct
from collections import defaultdict
from functools import partial
from pathlib import Path
from typing import BinaryIO, NamedTuple

from faceveil.core.errors import FaceveilError, PhotoError, UsageError
from faceveil.data.pictures import Picture, Pictures
from faceveil.io.photo import Photo, decode

MAGIC = 0xCED7230A
WHOLE, FIRST, BETWEEN, LAST = range(4)
MOST_BYTES = 2**63 - 1
_WORDS = struct.Struct("<II")
_HEADER = struct.Struct("<IfQQ")


class Record(NamedTuple):
    """The labels of a record, and what follows them: the bytes of a photo, or none."""

    labels: tuple[float, ...]
    data: bytes


def open_records(path: Path) -> Pictures:
    """The pictures in a ``.rec`` file, by its ``.idx`` file beside it.

    The labels of every record are read now, a photo when it is. People are named by their number.

    Raises:
        UsageError: a file is missing, unreadable or damaged, or holds no photos.
    """
    places = _places(path.with_suffix(".idx"))
    by_person: dict[int, list[Picture]] = defaultdict(list)
    try:
        with path.open("rb") as file:
            if 0 in places and len(about := read_record(file, places[0], path).labels) > 1:
                del places[0]
                people = range(_number(about[0], path), _number(about[1], path))
                places = {key: place for key, place in places.items() if key not in people}
            for key, place in places.items():
                person = _number(_labels(file, place, path)[0], path)
                read = partial(read_photo, path, place, f"{path}, record {key}")
                by_person[person].append(Picture(f"{person}/{key}", str(person), read))
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}.") from error
    if not by_person:
        raise UsageError(f"{path} holds no photos.")
    return Pictures(path.stem, {str(person): by_person[person] for person in sorted(by_person)})


def read_photo(path: Path, place: int, name: str) -> Photo:
    """The photo of the record at ``place``.

    Raises:
        PhotoError: the file is missing or damaged there.
    """
    try:
        with path.open("rb") as file:
            return decode(read_record(file, place, path).data, name)
    except OSError as error:
        raise PhotoError(f"{path} cannot be read ({error.strerror}).") from error
    except UsageError as error:
        raise PhotoError(str(error)) from error


def read_record(file: BinaryIO, place: int, path: Path) -> Record:
    """The record at ``place`` in an open file.

    Raises:
        UsageError: there is none.
    """
    file.seek(place)
    parts, part = [], FIRST
    while part in (FIRST, BETWEEN):
        part, length = _opening(file, path)
        parts.append(_exactly(file, length, path))
        file.seek(-length % 4, 1)
    data = struct.pack("<I", MAGIC).join(parts)
    if len(data) < _HEADER.size:
        raise _damaged(path)
    flag, label, *_ = _HEADER.unpack_from(data)
    end = _HEADER.size + 4 * flag
    if not flag:
        return Record((label,), data[end:])
    if len(data) < end:
        raise _damaged(path)
    return Record(struct.unpack_from(f"<{flag}f", data, _HEADER.size), data[end:])


def _labels(file: BinaryIO, place: int, path: Path) -> tuple[float, ...]:
    """The first label of the record at ``place``, of which no more than that is read."""
    file.seek(place)
    _, length = _opening(file, path)
    if length < _HEADER.size:  # cut in two within its labels
        return read_record(file, place, path).labels
    flag, label, *_ = _HEADER.unpack(_exactly(file, _HEADER.size, path))
    return struct.unpack("<f", _exactly(file, 4, path)) if flag else (label,)


def _opening(file: BinaryIO, path: Path) -> tuple[int, int]:
    """Which part of a record stands here, and its length."""
    magic, word = _WORDS.unpack(_exactly(file, _WORDS.size, path))
    part, length = word >> 29, word & (1 << 29) - 1
    if magic != MAGIC or part > LAST:
        raise _damaged(path)
    return part, length


def _exactly(file: BinaryIO, n: int, path: Path) -> bytes:
    data = file.read(n)
    if len(data) < n:
        raise _damaged(path)
    return data


def _number(label: float, path: Path) -> int:
    if not math.isfinite(label):
        raise _damaged(path)
    return int(label)


def _damaged(path: Path) -> FaceveilError:
    return UsageError(
        f"{path} is no RecordIO file, is damaged or cut short, or its .idx is of another: get both "
        "again."
    )


def _places(path: Path) -> dict[int, int]:
    """Where the record of each key begins."""
    try:
        lines = path.read_text(encoding="ascii").splitlines()
        places = {int(key): int(place) for key, place in (line.split() for line in lines if line)}
        if any(not 0 <= place <= MOST_BYTES for place in places.values()):
            raise ValueError("an offset is no place in a file")
        return places
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read ({error.strerror}): a .rec file needs its .idx file beside it."
        ) from error
    except ValueError as error:
        raise UsageError(
            f"{path} is no index: each line is a key, a tab and an offset ({error})."
        ) from error
