"""Check, with the bundled detector and recognisers, on the public-domain portrait."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from tests.app.conftest import make_face, make_verdict

from faceveil.app import provenance
from faceveil.app.check import compare, thresholds
from faceveil.app.provenance import Provenance
from faceveil.app.treatment import Treatment
from faceveil.app.verdict import Role
from faceveil.core import config
from faceveil.core.errors import NoFaceError, UsageError
from faceveil.faces.detect import Detector
from faceveil.faces.face import Face
from faceveil.io.photo import Photo, decode
from faceveil.recognisers import zoo
from faceveil.recognisers.card import Calibration, Threshold
from faceveil.recognisers.recogniser import Recogniser

FACE = (165, 55, 285, 200)
"""The portrait's face, with a margin."""


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector.load()


@pytest.fixture(scope="module")
def judges() -> tuple[tuple[Recogniser, Role], ...]:
    return ((zoo.load("dlib"), "held out"), (zoo.load("mobilefacenet"), "surrogate"))


@pytest.fixture(scope="module")
def before(portrait: NDArray[np.uint8]) -> Photo:
    return photo(Image.fromarray(portrait), "before.png")


def photo(image: Image.Image, name: str = "after.png") -> Photo:
    file = BytesIO()
    image.save(file, "PNG")
    return decode(file.getvalue(), name)


def changed(before: Photo, change: Callable[[Image.Image], Image.Image]) -> Photo:
    """The photo with its face put through ``change``."""
    image = Image.fromarray(before.pixels)
    image.paste(change(image.crop(FACE)), FACE[:2])
    return photo(image)


def pixelate(face: Image.Image) -> Image.Image:
    return face.resize((10, 12), Image.Resampling.BOX).resize(face.size, Image.Resampling.NEAREST)


def blackened(face: Image.Image) -> Image.Image:
    return Image.new("RGB", face.size)


class TestCompare:
    def test_a_copy_is_recognised_at_similarity_one(self, before, detector, judges) -> None:
        same = dataclasses.replace(before, name="after.png")
        verdict = compare(before, same, detector, judges, treated=(Treatment(),))
        for match in verdict.faces[0].conditions[0].matches:
            assert match.similarity == pytest.approx(1, abs=1e-5)
        assert verdict.outcome() == "recognised"
        assert "are the same file" in verdict.notes[0]

    def test_the_same_pixels_in_other_bytes_are_noticed(self, before, detector, judges) -> None:
        other = dataclasses.replace(before, sha256="0" * 64)
        assert "show the same pixels" in compare(before, other, detector, judges).notes[0]

    def test_mere_compression_and_resizing_hide_nobody(self, before, detector, judges) -> None:
        after = changed(before, lambda face: face.filter(ImageFilter.GaussianBlur(0.4)))
        verdict = compare(before, after, detector, judges)
        assert verdict.conditions == ("as written", "JPEG 75", "half size", "half size + JPEG 75")
        for condition in verdict.faces[0].conditions:
            assert all(match.matched(0.01) for match in condition.matches), condition

    def test_a_pixelated_face_is_not_recognised(self, before, detector, judges) -> None:
        verdict = compare(before, changed(before, pixelate), detector, judges)
        assert verdict.outcome() == "unrecognised"
        assert verdict.notes == ()

    def test_a_face_painted_over_has_no_similarity(self, before, detector, judges) -> None:
        verdict = compare(before, changed(before, blackened), detector, judges)
        matches = [m for c in verdict.faces[0].conditions for m in c.matches]
        assert [match.similarity for match in matches] == [None] * 8
        assert verdict.unrecognised()

    def test_after_at_half_size_is_paired_by_place(self, before, detector, judges) -> None:
        image = Image.fromarray(before.pixels)
        small = photo(image.resize((image.width // 2, image.height // 2)))
        verdict = compare(before, small, detector, judges, treated=(Treatment(),))
        assert verdict.outcome() == "recognised"

    def test_faces_are_told_apart_by_place(self, before, detector, judges) -> None:
        image = Image.fromarray(before.pixels)
        both = Image.new("RGB", (2 * image.width, image.height))
        both.paste(image, (0, 0))
        both.paste(image, (image.width, 0))
        pair = photo(both, "before.png")
        both.paste(blackened(image.crop(FACE)), FACE[:2])
        verdict = compare(pair, photo(both), detector, judges, treated=(Treatment(),))
        left, right = sorted(verdict.faces, key=lambda face: face.box[0])
        assert [m.similarity for m in left.conditions[0].matches] == [None, None]
        assert all(m.matched(0.01) for m in right.conditions[0].matches)

    def test_only_the_faces_asked_for_are_judged(self, before, detector, judges) -> None:
        faces = detector(before.pixels)
        verdict = compare(before, before, detector, judges, faces=faces[:1])
        assert [face.box for face in verdict.faces] == [faces[0].box]

    def test_nobody_in_before_is_an_error(self, detector, judges) -> None:
        sky = photo(Image.new("RGB", (200, 200), (90, 140, 200)), "sky.png")
        with pytest.raises(NoFaceError, match=r"sky\.png: no face found"):
            compare(sky, sky, detector, judges)

    def test_another_shape_is_refused(self, before, detector, judges) -> None:
        image = Image.fromarray(before.pixels)
        turned = photo(image.crop((0, 0, image.width, image.height // 2)))
        with pytest.raises(UsageError, match="at another size"):
            compare(before, turned, detector, judges)

    def test_another_photo_is_refused(self, before, detector, judges) -> None:
        image = Image.fromarray(before.pixels)
        other = photo(Image.effect_mandelbrot(image.size, (-3, -2.5, 2, 2.5), 100).convert("RGB"))
        with pytest.raises(UsageError, match="differ everywhere, so they are not two versions"):
            compare(before, other, detector, judges)

    def test_faces_elsewhere_are_another_photo(self, before, judges) -> None:
        after = dataclasses.replace(before, name="after.png")
        boxes = iter(((100, 50, 200, 200), (300, 300, 400, 450)))

        def detector(pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
            return Sees(next(boxes))(pixels)

        with pytest.raises(UsageError, match="have faces in other places"):
            compare(before, after, detector, judges)


class Sees:
    """A detector that reports the same boxes whatever it is shown."""

    def __init__(self, *boxes: tuple[float, float, float, float]):
        self.boxes = boxes

    def __call__(self, pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
        points = np.array([(0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8)])
        return tuple(
            Face(box, points * (box[2] - box[0], box[3] - box[1]) + box[:2], 1.0)
            for box in self.boxes
        )


def test_a_face_found_once_answers_for_one_face_only(before: Photo, judges) -> None:
    near, nearer = (100, 50, 200, 200), (110, 50, 210, 200)
    faces = Sees(near, nearer)(before.pixels)
    found = Sees((112, 50, 212, 200))
    verdict = compare(before, before, found, judges, faces=faces, treated=(Treatment(),))
    similarities = [face.conditions[0].matches[0].similarity for face in verdict.faces]
    assert similarities[0] is None
    assert similarities[1] is not None


def test_thresholds_may_be_missing(judges) -> None:
    card = judges[0][0].card
    partly = Calibration("d", "c", 1, 1, 1, (Threshold(0.001, 0.9, 0.5),))
    assert thresholds(dataclasses.replace(card, calibration=partly)) == (None, 0.9, None)
    assert thresholds(dataclasses.replace(card, calibration=None)) == (None, None, None)


class TestProvenance:
    @pytest.fixture
    def paper(self, before: Photo) -> dict[str, object]:
        return {
            "faceveil": "0.1.0",
            "made": "2025-01-01T00:00:00+00:00",
            "input": {"path": "before.png", "sha256": before.sha256},
            "output": {"path": "after.png", "sha256": "a" * 64},
            "settings": {},
            "surrogates": ["mobilefacenet"],
            "held_out": ["dlib"],
            "models": {"mobilefacenet": "b" * 64, "dlib": "c" * 64},
            "device": "cpu",
            "threads": 2,
            "versions": {},
            "notes": [],
            "faces": [],
            "verdict": config.plain(
                make_verdict(make_face({"dlib": (0.1, 0.1)}, {"dlib": "held out"}))
            ),
        }

    @pytest.fixture
    def trace(self, tmp_path: Path, before: Photo) -> Callable[[object], Provenance]:
        after = dataclasses.replace(before, sha256="a" * 64, name="after.png")

        def trace(paper: object) -> Provenance:
            (tmp_path / "after.png.veil.json").write_text(json.dumps(paper))
            return provenance.trace(tmp_path / "after.png", before, after)

        return trace

    def test_the_receipt_names_surrogates(self, trace, paper, judges) -> None:
        origin = trace(paper)
        dlib, mobilefacenet = (recogniser.card for recogniser, _ in judges)
        assert origin.notes == ()
        assert (origin.role(dlib), origin.role(mobilefacenet)) == ("held out", "surrogate")
        renamed = dataclasses.replace(dlib, name="mine", sha256="b" * 64)
        assert origin.role(renamed) == "surrogate"

    def test_a_receipt_for_other_bytes_says_nothing(self, trace, paper, judges) -> None:
        origin = trace(paper | {"output": {"path": "after.png", "sha256": "d" * 64}})
        assert origin.role(judges[0][0].card) == "unknown"
        assert "has changed since after.png.veil.json was written" in origin.notes[0]

    def test_a_receipt_for_another_original_is_pointed_out(self, trace, paper, judges) -> None:
        origin = trace(paper | {"input": {"path": "x.png", "sha256": "d" * 64}})
        assert origin.role(judges[0][0].card) == "held out"
        assert "was made from another file" in origin.notes[0]

    @pytest.mark.parametrize("paper", [[], {"surrogates": "all"}, 3])
    def test_what_is_no_receipt_is_not_believed(self, trace, paper, judges) -> None:
        origin = trace(paper)
        assert origin.role(judges[0][0].card) == "unknown"
        assert "its receipt cannot be used" in origin.notes[0]

    def test_without_a_receipt_nothing_is_known(self, tmp_path: Path, before: Photo) -> None:
        origin = provenance.trace(tmp_path / "after.png", before, before)
        assert "no receipt lies beside it" in origin.notes[0]
