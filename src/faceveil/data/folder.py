"""A folder of folders, one a person: celebahq-pairs, LFW, VGGFace2 and CASIA-WebFace as images."""

from __future__ import annotations

from functools import partial
from pathlib import Path

from faceveil.core.errors import UsageError
from faceveil.data.pictures import Picture, Pictures
from faceveil.io.find import find
from faceveil.io.photo import read


def open_folder(folder: Path) -> Pictures:
    """Every ``person/photo`` in ``folder``, both in the order of their names.

    Hidden folders, folders without photos, and files that :func:`faceveil.io.find.find` passes over
    do not count.

    Raises:
        UsageError: the folder is missing, unreadable or laid out in another way.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder}: there is no such folder.")
    loose = find([folder], recursive=False)
    if loose:
        raise UsageError(
            f"{loose[0].path} belongs to nobody: give each person a folder of their own, "
            f"{folder / 'PERSON' / loose[0].path.name}."
        )
    by_person = {
        person.name: photos
        for person in sorted(folder.iterdir())
        if person.is_dir() and not person.name.startswith(".") and (photos := photos_of(person))
    }
    if not by_person:
        raise UsageError(
            f"{folder} holds no photos laid out as {folder / 'PERSON' / 'PHOTO.jpg'}: name the "
            "folder just above those of the people."
        )
    return Pictures(folder.resolve().name, by_person)


def photos_of(person: Path) -> tuple[Picture, ...]:
    """The pictures in one person's folder.

    Raises:
        UsageError: the folder is missing or unreadable.
    """
    return tuple(
        Picture(f"{person.name}/{found.relative}", person.name, partial(read, found.path))
        for found in find([person], recursive=False)
    )
