"""From what a user calls a set of pictures to the set."""

from __future__ import annotations

from pathlib import Path

from faceveil.core.errors import UsageError
from faceveil.data.folder import open_folder
from faceveil.data.lfw import PAIRS, open_lfw
from faceveil.data.orl import open_orl
from faceveil.data.pictures import Pairs, Pictures
from faceveil.data.record_io import open_records
from faceveil.data.verification_bin import open_bin


def open_pictures(spec: str | Path) -> Pictures:
    """The pictures of people that ``spec`` means.

    Args:
        spec: ``"orl"``; a folder of folders, one a person (for a folder called orl: ``./orl``); or
            a ``.rec`` file of MXNet, its ``.idx`` file beside it.

    Raises:
        UsageError: it is none of these, or cannot be read.
    """
    if spec == "orl":
        return open_orl()
    path = Path(spec)
    if path.is_dir():
        return open_folder(path)
    if path.suffix == ".rec" and path.is_file():
        return open_records(path)
    raise UsageError(
        f"{path} holds no pictures by person: name a folder laid out as PERSON/PHOTO.jpg, a .rec "
        "file, or orl."
    )


def is_pictures(spec: str) -> bool:
    """Whether :func:`open_pictures` knows such a thing; whether it can be read, that will say."""
    path = Path(spec)
    return spec == "orl" or path.is_dir() or (path.suffix == ".rec" and path.is_file())


def open_pairs(spec: str | Path) -> Pairs:
    """The verification set that ``spec`` means.

    Args:
        spec: a folder of folders, one a person, with LFW's ``pairs.txt`` in it; or a ``.bin`` file
            of InsightFace.

    Raises:
        UsageError: it is neither, or cannot be read.
    """
    path = Path(spec)
    if (path / PAIRS).is_file():
        return open_lfw(path)
    if path.suffix == ".bin" and path.is_file():
        return open_bin(path)
    raise UsageError(
        f"{path} holds no verification pairs: name a folder laid out as PERSON/PHOTO.jpg with a "
        f"{PAIRS} in it, or a .bin file."
    )
