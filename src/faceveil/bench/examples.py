"""Example photos of a run that kept what it veiled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from faceveil.app import pictures
from faceveil.app.pictures import Trio
from faceveil.bench.finished import Finished, without_paths
from faceveil.bench.plots.marks import shortest_names
from faceveil.bench.work import kept_name
from faceveil.core.errors import FaceveilError
from faceveil.core.seeds import content_hash
from faceveil.data.align import find_face
from faceveil.data.open import open_pictures
from faceveil.data.pictures import Picture
from faceveil.faces.detect import Detector
from faceveil.io import photo
from faceveil.io.formats import SUFFIXES

N_PICTURES = 2
N_ARMS = 8
"""Of how many pictures, under how many arms, so that the page stays small enough to send."""


@dataclass(frozen=True)
class Example:
    """One picture's face under several arms, by the arm's name."""

    picture: str
    veils: Mapping[str, Trio]


def examples(run: Finished) -> tuple[list[Example], str]:
    """The faces of the first pictures under the first arms, and why there are none or not all.

    Of arms that differ in recognisers alone one stands for all. A file is shown only if it is the
    one that was judged.
    """
    kept, arms = run.folder / "veiled", _arms(run)
    if not arms or not kept.is_dir():
        return [], ""
    plain = {line.picture: line.sha256 for line in run.lines if not line.arm}
    veils: dict[str, dict[str, str]] = {}
    for line in run.lines:
        if line.arm in arms and line.fault is None:
            veils.setdefault(line.picture, {})[arms[line.arm]] = line.sha256
    try:
        by_name = {one.name: one for one in open_pictures(run.protocol["data"])}
        detector = Detector.load()
        found = [
            _example(by_name[name], shown, kept, run, detector)
            for name, shown in list(veils.items())[:N_PICTURES]
            if name in by_name and by_name[name].read().sha256 == plain.get(name)
        ]
    except FaceveilError:
        return [], "There are none: the photos this run was made on are no longer where they were."
    note = f"Shown are {N_ARMS} of {len(arms)} ways to veil." if len(arms) > N_ARMS else ""
    return [one for one in found if one.veils], note


def _arms(run: Finished) -> dict[str, str]:
    """A short name for each arm that has the recognisers of the first."""
    places = {
        ", ".join(f"{kind} {value}" for kind, value in figure.at.items()): figure.at
        for figure in run.figures
    }
    arms = [line.arm for line in run.lines if line.arm in places]
    sides = ("surrogate", "left out")
    alike = [
        arm
        for arm in dict.fromkeys(arms)
        if all(places[arm].get(side) == places[arms[0]].get(side) for side in sides)
    ]
    names = shortest_names([without_paths(places[arm]) for arm in alike])
    return dict(zip(alike, names, strict=True))


def _example(
    picture: Picture, veils: Mapping[str, str], kept: Path, run: Finished, detector: Detector
) -> Example:
    before = picture.read()
    face = find_face(before, run.protocol["alignment"], detector)
    files = {content_hash(path.read_bytes()): path for path in _kept(kept, picture.name)}
    trios = {
        arm: pictures.face(before.pixels, photo.read(files[sha256]).pixels, face.box)
        for arm, sha256 in list(veils.items())[:N_ARMS]
        if sha256 in files
    }
    return Example(picture.name, trios)


def _kept(folder: Path, name: str) -> list[Path]:
    """What was kept of a picture: a folder for every arm has it."""
    names = dict.fromkeys(kept_name(name, format_) for format_ in SUFFIXES)
    paths = [arm / file for arm in sorted(folder.iterdir()) for file in names]
    return [path for path in paths if path.is_file()]
