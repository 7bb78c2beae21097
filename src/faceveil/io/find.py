"""Which photos are meant, and where each veiled one goes."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from faceveil.core.errors import UsageError
from faceveil.io import formats

VEILED = "veiled"
"""What stands between name and suffix of a photo written beside its original."""


@dataclass(frozen=True)
class Found:
    """A photo to veil, and its place below the folder it was found in (its name, if named)."""

    path: Path
    relative: Path


def find(
    paths: Iterable[Path],
    *,
    recursive: bool,
    exclude: Path | None = None,
    suffix: str | None = VEILED,
) -> list[Found]:
    """The photos that ``paths`` mean: files as named, folders for the photos inside.

    Inside a folder only files with a photo's suffix count; hidden ones and those already called
    ``NAME.veiled.EXT`` do not. Links to folders are not followed, so no loop can trap the search.

    Args:
        paths: files and folders; a file named twice is found once.
        recursive: also look into folders inside folders.
        exclude: a folder inside the others that is not entered, the one outputs go to.
        suffix: the word that marks veiled photos; None where these count too.

    Returns:
        In the order of ``paths``, and sorted by name inside each folder.

    Raises:
        UsageError: a path does not exist or a folder cannot be read.
    """
    found: dict[Path, Found] = {}
    barred = os.path.realpath(exclude) if exclude is not None else None
    for path in paths:
        is_folder, exists = _look(path)
        if is_folder:
            inside = _photos_in(path, recursive, barred)
            each = [
                Found(photo, photo.relative_to(path))
                for photo in inside
                if suffix is None or Path(photo.stem).suffix != f".{suffix}"
            ]
        elif exists:
            each = [Found(path, Path(path.name))]
        else:
            raise UsageError(f"{path} does not exist: check the name.")
        for photo in each:
            found.setdefault(photo.path.absolute(), photo)
    return list(found.values())


def nothing_in(paths: Iterable[Path], *, recursive: bool) -> UsageError:
    """What to say where :func:`find`, asked like this, found nothing."""
    hint = "" if recursive else " (folders inside are only read with --recursive)"
    return UsageError(f"There is no photo in {', '.join(map(str, paths))}{hint}.")


def plan_outputs(
    found: Sequence[Found], out: Path | None, *, suffix: str = VEILED
) -> list[tuple[Path, Path]]:
    """Where each photo's veiled version goes, as (input, output) in the order of ``found``.

    Args:
        found: the photos.
        out: None writes ``NAME.veiled.EXT`` beside each original; a folder keeps the tree below
            it; the name of a photo is possible for a single input.
        suffix: the word that marks veiled photos.

    Raises:
        UsageError: two photos would become one file (or would where capitals do not count), one
            would replace an input, or ``out`` is one file for several photos or of another format.
    """
    if out is None:
        outputs = [each.path.with_name(_beside(each.path, suffix)) for each in found]
    elif _is_file_name(out, found):
        outputs = [out]
    else:
        outputs = [out / each.relative for each in found]
    planned = [(each.path, output) for each, output in zip(found, outputs, strict=True)]
    inputs = {os.path.realpath(each.path): each.path for each in found}
    taken: dict[str, tuple[Path, Path]] = {}
    for path, output in planned:
        real = os.path.realpath(output)
        if real in inputs:
            raise UsageError(
                f"{path} would be written over {inputs[real]}, which is an input: "
                "leave that out, choose another output, or ask for --in-place."
            )
        # A folder that holds both A.jpg and a.jpg can hold their outputs too; OUT may not.
        key = real if out is None else unicodedata.normalize("NFC", real).casefold()
        if key in taken:
            other, first = taken[key]
            raise UsageError(
                f"{other} and {path} would both be written to {first}: "
                "give them different names or different outputs."
            )
        taken[key] = (path, output)
    return planned


def check_suffix(output: Path, kept: str | None, whose: str) -> None:
    """Refuses to call a file like one of another format.

    Args:
        output: where a photo is to be written.
        kept: the format it will have, a key of ``formats.SUFFIXES``; None if that is not known.
        whose: the photo that has it.

    Raises:
        UsageError: the suffix is that of another format, or of one that is never written.
    """
    if output.suffix.lower() in formats.NOT_WRITTEN:
        raise UsageError(f"{output}: faceveil writes no such files: a photo keeps its format.")
    promised = formats.of_suffix(output.suffix)
    if kept is not None and promised is not None and promised != kept:
        raise UsageError(
            f"{output} is not named like a {kept}, the format of {whose}, which is kept: "
            f"give it the suffix {formats.SUFFIXES[kept][0]}."
        )


def check_not(output: Path, original: Path) -> None:
    """Refuses to write over the photo that something is made of.

    Raises:
        UsageError: both are one file.
    """
    if os.path.realpath(output) == os.path.realpath(original) or (
        output.exists() and original.exists() and output.samefile(original)
    ):
        raise UsageError(f"{output} is {original} itself, which stays: choose another output.")


def _photos_in(folder: Path, recursive: bool, barred: str | None) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror or error}.") from error
    for entry in entries:
        if entry.name.startswith("."):
            continue
        path = folder / entry.name
        if entry.is_dir(follow_symlinks=False):
            if recursive and os.path.realpath(path) != barred:
                yield from _photos_in(path, recursive, barred)
        elif formats.of_suffix(path.suffix) and _may_be_read(path):
            yield path


def _look(path: Path) -> tuple[bool, bool]:
    """Whether a path, through any link, is a folder and whether it exists at all."""
    try:
        return path.is_dir(), path.exists()
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error


def _may_be_read(path: Path) -> bool:
    """Whether a path leads to a file; where that cannot be known, whoever reads it will say so."""
    try:
        return _look(path) == (False, True)
    except UsageError:
        return True


def _beside(path: Path, suffix: str) -> str:
    return f"{path.stem}.{suffix}{path.suffix}"


def _is_file_name(out: Path, found: Sequence[Found]) -> bool:
    """Whether ``out`` names a file rather than a folder, which only a single photo can go to."""
    promised = formats.of_suffix(out.suffix)
    is_folder, exists = _look(out)
    if not is_folder:
        check_suffix(out, None, "")
    if is_folder or (promised is None and not exists):
        return False
    if len(found) != 1:
        raise UsageError(f"{out} is one file for {len(found)} photos: name a folder instead.")
    check_suffix(out, formats.of_suffix(found[0].path.suffix), str(found[0].path))
    return True
