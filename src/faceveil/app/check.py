"""Check: what recognisers make of a photo's faces after it was veiled, from the files alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from faceveil.app.embed import embed
from faceveil.app.treatment import STANDARD, Treatment
from faceveil.app.verdict import FARS, Condition, FaceVerdict, Match, Role, Verdict
from faceveil.core.errors import NoFaceError, UsageError
from faceveil.faces.detect import Detector
from faceveil.faces.face import Face
from faceveil.faces.place import pair, scaled
from faceveil.io.photo import Photo
from faceveil.recognisers.card import Card
from faceveil.recognisers.recogniser import Recogniser

Pixels = NDArray[np.uint8]


def compare(
    before: Photo,
    after: Photo,
    detector: Detector,
    judges: Sequence[tuple[Recogniser, Role]],
    *,
    faces: Sequence[Face] | None = None,
    treated: Sequence[Treatment] = STANDARD,
    notes: Sequence[str] = (),
) -> Verdict:
    """What ``judges`` say of the faces of ``before`` in ``after``.

    Faces are looked for in AFTER anew, as a stranger's recogniser would, and paired by place.

    Args:
        before: the photo that was veiled.
        after: the veiled file as decoded, of the same shape or a resized one.
        detector: finds the faces of both.
        judges: recognisers with their part in making the veil, in the order they are listed.
        faces: those of BEFORE to judge, where AFTER is known to be made of it; None for all that
            ``detector`` finds, in files of which nothing is known.
        treated: what is done to AFTER before it is judged.
        notes: sentences the verdict carries besides its own.

    Raises:
        NoFaceError: BEFORE shows no face.
        UsageError: the photos are not two versions of one: they differ in shape, or outside of the
            faces, or have their faces in other places.
    """
    _check_shape(before, after)
    is_known_pair = faces is not None
    faces = detector(before.pixels) if faces is None else faces
    if not faces:
        raise NoFaceError(f"{before.name}: no face found, so there is nothing to check.")
    if not is_known_pair and _unlike(before.pixels, after.pixels, faces):
        raise _two_photos(before, after, "differ everywhere")
    recognisers = [recogniser for recogniser, _ in judges]
    expected = embed(before.pixels, faces, recognisers)
    answers: dict[str, dict[str, list[float | None]]] = {}
    for treatment in treated:
        pixels = treatment(after.pixels)
        detected = detector(pixels)
        found = pair(faces, before.pixels.shape, detected, pixels.shape)
        if not is_known_pair and treatment == Treatment() and detected and not any(found):
            raise _two_photos(before, after, "have faces in other places")
        present = [face for face in found if face is not None]
        seen = embed(pixels, present, recognisers)
        answers[treatment.name] = _similarities(expected, seen, found)
    return Verdict(
        before=before.name,
        after=after.name,
        faces=tuple(
            FaceVerdict(
                index,
                face.box,
                tuple(
                    Condition(
                        treatment,
                        tuple(
                            Match(one.name, role, cosines[one.name][index], thresholds(one.card))
                            for one, role in judges
                        ),
                    )
                    for treatment, cosines in answers.items()
                ),
            )
            for index, face in enumerate(faces)
        ),
        notes=(*notes, *_notes(before, after)),
    )


def thresholds(card: Card) -> tuple[float | None, ...]:
    """The card's cosines at :data:`FARS`, None at a rate it is not calibrated at."""
    calibrated = () if card.calibration is None else card.calibration.thresholds
    known = {threshold.far: threshold.cosine for threshold in calibrated}
    return tuple(known.get(far) for far in FARS)


def _similarities(
    expected: Mapping[str, Tensor], seen: Mapping[str, Tensor], found: Sequence[Face | None]
) -> dict[str, list[float | None]]:
    """Each recogniser's cosine for each face of BEFORE; ``seen`` has rows for those found only."""
    at = [index for index, face in enumerate(found) if face is not None]
    result: dict[str, list[float | None]] = {}
    for name, rows in seen.items():
        cosines = dict(zip(at, (expected[name][at] * rows).sum(1).tolist(), strict=True))
        result[name] = [cosines.get(index) for index in range(len(found))]
    return result


def _check_shape(before: Photo, after: Photo) -> None:
    (height, width), (new_height, new_width) = before.pixels.shape[:2], after.pixels.shape[:2]
    # Resizing rounds each side to whole pixels.
    if abs(new_width - width * new_height / height) > 1 + width / height:
        raise UsageError(
            f"{after.name} ({new_width} x {new_height}) is not {before.name} ({width} x {height}) "
            "at another size; was it cropped or turned? `faceveil check PHOTO --gallery DIR` "
            "compares different photos."
        )


def _two_photos(before: Photo, after: Photo, why: str) -> UsageError:
    return UsageError(
        f"{before.name} and {after.name} {why}, so they are not two versions of one photo; "
        "`faceveil check PHOTO --gallery DIR` compares different photos."
    )


def _notes(before: Photo, after: Photo) -> list[str]:
    """What is odd about the pair."""
    if before.sha256 == after.sha256:
        return [f"{before.name} and {after.name} are the same file: there is no veil on it."]
    if np.array_equal(before.pixels, after.pixels):
        return [f"{before.name} and {after.name} show the same pixels: there is no veil on them."]
    return []


def _unlike(before: Pixels, after: Pixels, faces: Sequence[Face], rms: float = 30) -> bool:
    """Whether grey thumbnails differ by ``rms`` of 255 where BEFORE shows no face."""
    side = 32
    thumbs = [
        np.asarray(Image.fromarray(pixels).convert("L").resize((side, side), reducing_gap=2), float)
        for pixels in (before, after)
    ]
    around = np.ones((side, side), dtype=bool)
    height, width = before.shape[:2]
    for face in faces:
        left, top, right, bottom = scaled(face.box, side / width, side / height)
        margin = (right - left) / 2
        rows = slice(max(0, int(top - margin)), max(0, int(bottom + margin)) + 1)
        around[rows, max(0, int(left - margin)) : max(0, int(right + margin)) + 1] = False
    apart = (thumbs[0] - thumbs[1])[around]
    return bool(apart.size) and float(np.sqrt((apart**2).mean())) > rms
