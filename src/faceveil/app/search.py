"""Search: whom does a face look like, among the people in a folder of photos?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from faceveil.app.check import thresholds
from faceveil.app.embed import embed
from faceveil.app.verdict import FARS
from faceveil.core.errors import NoFaceError, PhotoError, UsageError
from faceveil.faces.detect import Detector
from faceveil.io.find import Found, find
from faceveil.io.photo import Photo, read
from faceveil.recognisers.gallery import Gallery
from faceveil.recognisers.recogniser import Recogniser


@dataclass(frozen=True)
class Candidate:
    """A person, and the cosine of the most similar of their photos."""

    label: str
    similarity: float


@dataclass(frozen=True)
class Ranking:
    """The people one recogniser finds most similar, best first.

    ``threshold`` is the cosine it takes for one person at FAR .01, None if not calibrated.
    """

    recogniser: str
    threshold: float | None
    candidates: tuple[Candidate, ...]

    def matched(self, candidate: Candidate) -> bool | None:
        """Whether the recogniser takes the face for this person; None if it cannot say."""
        return None if self.threshold is None else candidate.similarity >= self.threshold

    @property
    def answer(self) -> str | None:
        """Whom the recogniser takes the face for, if for anybody it knows."""
        first = self.candidates[0]
        return first.label if self.matched(first) else None


@dataclass(frozen=True)
class FaceSearch:
    """One face of the photo: where it is (left, top, right, bottom in px), whom it looks like."""

    index: int
    box: tuple[float, float, float, float]
    rankings: tuple[Ranking, ...]


@dataclass(frozen=True)
class Search:
    """A photo searched for in a gallery of ``n_people``; ``notes`` say what was left out."""

    photo: str
    n_people: int
    faces: tuple[FaceSearch, ...]
    notes: tuple[str, ...]

    @property
    def nobody(self) -> bool:
        """Whether every recogniser can say, and none takes any face for anybody."""
        rankings = [ranking for face in self.faces for ranking in face.rankings]
        return all(one.threshold is not None and one.answer is None for one in rankings)


def search(
    photo: Photo,
    folder: Path,
    detector: Detector,
    recognisers: Sequence[Recogniser],
    *,
    n_candidates: int = 5,
) -> Search:
    """The people in ``folder`` whom each face of ``photo`` looks like.

    Args:
        photo: the probe.
        folder: the gallery, laid out as ``person/photo.jpg``, or flat: then the person is the
            file's name without suffix. The largest face of each photo counts.
        detector: finds faces.
        recognisers: who judge, each by itself.
        n_candidates: how many people each names at most.

    Raises:
        NoFaceError: there is no face in ``photo``, or in none of the gallery's photos.
        UsageError: the folder is missing or holds no photo.
        PhotoError: a photo of the gallery cannot be read.
    """
    probes = detector(photo.pixels)
    if not probes:
        raise NoFaceError(f"{photo.name}: no face found, so there is nobody to look for.")
    galleries, notes = _build(photo, folder, detector, recognisers)
    queries = embed(photo.pixels, probes, recognisers)
    rankings = {
        one.name: _rank(galleries[one.name], queries[one.name], n_candidates) for one in recognisers
    }
    return Search(
        photo=photo.name,
        n_people=len(set(galleries[recognisers[0].name].labels)),
        faces=tuple(
            FaceSearch(
                index,
                face.box,
                tuple(
                    Ranking(one.name, thresholds(one.card)[0], rankings[one.name][index])
                    for one in recognisers
                ),
            )
            for index, face in enumerate(probes)
        ),
        notes=notes,
    )


def record(found: Search) -> dict[str, Any]:
    """The search as what JSON holds; an unknown threshold or match is null."""
    return {
        "photo": found.photo,
        "n_people": found.n_people,
        "far": FARS[0],
        "notes": list(found.notes),
        "faces": [
            {
                "index": face.index,
                "box": [round(side, 2) for side in face.box],
                "rankings": [
                    {
                        "recogniser": ranking.recogniser,
                        "threshold": ranking.threshold,
                        "candidates": [
                            {
                                "label": candidate.label,
                                "similarity": candidate.similarity,
                                "matched": ranking.matched(candidate),
                            }
                            for candidate in ranking.candidates
                        ],
                    }
                    for ranking in face.rankings
                ],
            }
            for face in found.faces
        ],
    }


def _build(
    photo: Photo, folder: Path, detector: Detector, recognisers: Sequence[Recogniser]
) -> tuple[dict[str, Gallery], tuple[str, ...]]:
    """A gallery for each recogniser, and what was left out of them."""
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder: name one with photos of people.")
    items = find([folder], recursive=True)
    if not items:
        raise UsageError(f"{folder}: there is no photo in this gallery.")
    galleries = {one.name: Gallery(one.card) for one in recognisers}
    notes = []
    for item in items:
        try:
            entry = read(item.path)
        except PhotoError as error:
            notes.append(f"{error} It was left out.")
            continue
        if entry.sha256 == photo.sha256:
            notes.append(f"{item.path} is {photo.name} itself and was left out.")
        elif faces := detector(entry.pixels):
            rows = embed(entry.pixels, faces[:1], recognisers)
            for name, row in rows.items():
                galleries[name].add([_label(item)], row)
        else:
            notes.append(f"{item.path} shows no face and was left out.")
    if len(notes) == len(items):
        raise NoFaceError(f"{folder}: no photo of this gallery can be used. {' '.join(notes)}")
    return galleries, tuple(notes)


def _label(item: Found) -> str:
    parts = item.relative.parts
    return parts[0] if len(parts) > 1 else item.relative.stem


def _rank(
    gallery: Gallery, queries: Float[Tensor, "q d"], n_candidates: int
) -> list[tuple[Candidate, ...]]:
    """For each query the people most similar to it, each with their best photo."""
    found = gallery.search(queries, len(gallery))
    ranked = []
    for labels, similarities in zip(found.labels, found.similarities.tolist(), strict=True):
        best: dict[str, float] = {}
        for label, similarity in zip(labels, similarities, strict=True):
            best.setdefault(label, similarity)
        ranked.append(tuple(Candidate(*pair) for pair in list(best.items())[:n_candidates]))
    return ranked
