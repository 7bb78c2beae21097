"""Verification pairs of LFW (Huang et al. 2007): a folder of people and a ``pairs.txt`` in it."""

from __future__ import annotations

import re
from collections.abc import Collection
from pathlib import Path

from faceveil.core.errors import UsageError
from faceveil.data.folder import photos_of
from faceveil.data.pictures import Pair, Pairs, Picture

PAIRS = "pairs.txt"

_COUNTS = re.compile(r"(?:(\d{1,9})\s+)?(\d{1,9})\s*")
_PAIR = re.compile(r"(\S+)\s+(\d{1,9})\s+(?:(\S+)\s+)?(\d{1,9})\s*")


def open_lfw(folder: Path) -> Pairs:
    """The pairs that ``pairs.txt`` lists, of photos called ``NAME/NAME_0001.jpg``.

    Its first line is ``FOLDS COUNT``, or ``COUNT`` for a single fold. Then follow, fold by fold,
    COUNT lines ``NAME I J`` of pairs of one person and COUNT lines ``NAME I NAME J`` of two. The
    photos may be of any format, so aligned copies saved as PNG will do.

    Raises:
        UsageError: the list is damaged or cut short, or names photos that are missing.
    """
    path = folder / PAIRS
    try:
        header, *lines = path.read_text(encoding="utf-8").strip().split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read ({error}): get the file again.") from error
    counts = _COUNTS.fullmatch(header)
    if counts is None:
        raise UsageError(f"{path} does not begin with FOLDS COUNT or COUNT, as LFW's lists do.")
    n_folds, n_each = int(counts[1] or 1), int(counts[2])
    if not 0 < 2 * n_folds * n_each == len(lines):
        raise UsageError(
            f"{path} promises {n_folds} x ({n_each} + {n_each}) pairs and lists {len(lines)}: get "
            "the file again."
        )
    places: dict[str, int] = {}
    pairs = []
    for number, line in enumerate(lines):
        fold, place = divmod(number, 2 * n_each)
        same = place < n_each
        found = _PAIR.fullmatch(line)
        if found is None or same != (found[3] is None):
            expected = "NAME I J, one person's pair" if same else "NAME I NAME J, two people's"
            raise UsageError(f"{path}, line {number + 2}: {line!r} is not {expected}.")
        ends = ((found[1], found[2]), (found[3] or found[1], found[4]))
        names = [f"{person}/{person}_{int(count):04d}" for person, count in ends]
        first, second = (places.setdefault(name, len(places)) for name in names)
        pairs.append(Pair(first, second, same, fold))
    return Pairs(folder.resolve().name, _pictures(folder, places), pairs, "detector")


def _pictures(folder: Path, names: Collection[str]) -> list[Picture]:
    """The pictures of these names, given as ``PERSON/PHOTO`` without suffix, in their order."""
    people = dict.fromkeys(name.partition("/")[0] for name in names)
    there = {
        picture.name.rpartition(".")[0]: picture
        for person in people
        if (folder / person).is_dir()
        for picture in photos_of(folder / person)
    }
    missing = [name for name in names if name not in there]
    if missing:
        raise UsageError(
            f"{folder} lacks {len(missing)} of the {len(names)} photos its {PAIRS} lists, first "
            f"{missing[0]}.jpg: unpack all of LFW there."
        )
    return [there[name] for name in names]
