"""One photo protected: crowds, borders, grey, what stays as it was, and determinism."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.app.conftest import QUICK

from faceveil.app.protect import Outcome, Protector
from faceveil.app.settings import Settings
from faceveil.core.errors import NoFaceError
from faceveil.io.photo import Photo, decode, read

Pixels = NDArray[np.uint8]

HEAD = (150, 40, 300, 200)
"""Where the portrait shows its face, with some hair."""


def photo(pixels: Pixels, kind: str = "PNG", name: str = "photo") -> Photo:
    file = BytesIO()
    Image.fromarray(pixels).save(file, kind)
    return decode(file.getvalue(), name)


def changed(before: Photo, outcome: Outcome) -> NDArray[np.bool_]:
    """Where the written file's pixels are others, h w."""
    there: NDArray[np.bool_] = (before.pixels != outcome.photo.pixels).any(axis=2)
    return there


def crowd(portrait: Pixels, rows: int, columns: int, size: int) -> Photo:
    """The portrait's face, small and often."""
    head = Image.fromarray(portrait).crop(HEAD).resize((size, size), Image.Resampling.LANCZOS)
    return photo(np.tile(np.array(head), (rows, columns, 1)))


@pytest.mark.slow
def test_fifty_faces(portrait: Pixels, protector: Protector) -> None:
    before = crowd(portrait, 5, 10, size=48)
    method = {"name": "mim", "steps": 1}
    swift = Protector(Settings.build(QUICK | {"method": method}), protector.engine)
    outcome = swift(before)
    assert len(outcome.faces) == 50
    assert {face.status for face in outcome.faces} == {"veiled"}
    there = changed(before, outcome)
    for face in outcome.faces:
        left, top, right, bottom = (max(0, round(side)) for side in face.box)
        assert there[top:bottom, left:right].mean() > 0.5
    apart = np.abs(before.pixels.astype(int) - outcome.photo.pixels)
    assert apart.max() <= swift.settings.budget.eps  # also where veils overlap
    assert len(outcome.verdict.faces) == 50


@pytest.mark.parametrize("side", ["left", "right", "top", "bottom"])
def test_a_face_cut_by_the_border(side: str, portrait: Pixels, protector: Protector) -> None:
    left, top, right, bottom = 177, 57, 270, 178
    pixels = {
        "left": portrait[:256, left + 25 : 420],
        "right": portrait[:256, 60 : right - 25],
        "top": portrait[top + 15 : 300, 60:380],
        "bottom": portrait[: bottom - 25, 60:380],
    }[side]
    before = photo(np.ascontiguousarray(pixels))
    outcome = protector(before)
    assert len(outcome.faces) == 1
    assert outcome.photo.pixels.shape == before.pixels.shape
    there = changed(before, outcome)
    edge = {"left": there[:, 0], "right": there[:, -1], "top": there[0], "bottom": there[-1]}[side]
    assert edge.sum() > 5
    assert 2000 < there.sum() < 20_000


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_grey_stays_grey_in_the_file(kind: str, portrait: Pixels, protector: Protector) -> None:
    grey = np.array(Image.fromarray(portrait[:256, 96:352]).convert("L"))
    before = photo(grey, kind)
    outcome = protector(before)
    with Image.open(BytesIO(outcome.data)) as image:
        assert image.mode == "L"
    assert outcome.photo.grey
    assert changed(before, outcome).any()


@pytest.mark.parametrize("keep", [False, True])
def test_metadata_goes_unless_asked(keep: bool, portrait: Pixels, protector: Protector) -> None:
    exif, file = Image.Exif(), BytesIO()
    exif[0x010F] = "CAMERA-MAKER"
    Image.fromarray(portrait[:256, 96:352]).save(file, "JPEG", exif=exif)
    run = QUICK["run"] | {"keep_metadata": keep}
    asked = Protector(Settings.build(QUICK | {"run": run}), protector.engine)
    assert (b"CAMERA-MAKER" in asked(decode(file.getvalue(), "a.jpg")).data) is keep


def test_the_quality_is_the_settings(portrait: Pixels, protector: Protector) -> None:
    before = photo(np.ascontiguousarray(portrait[:256, 96:352]), "JPEG")
    sizes = []
    for quality in (40, 95):
        settings = Settings.build(QUICK | {"run": QUICK["run"] | {"quality": quality}})
        sizes.append(len(Protector(settings, protector.engine)(before).data))
    assert sizes[0] < sizes[1] / 2


def test_outside_the_region_every_pixel_is_as_it_was(portrait_path: Path, outcome: Outcome) -> None:
    before = read(portrait_path)
    with Image.open(BytesIO(outcome.data)) as image:
        written = np.array(image.convert("RGB"))
    there = (before.pixels != written).any(axis=2)
    rows, columns = np.nonzero(there)
    left, top, right, bottom = outcome.faces[0].box
    margin = 0.35 * (bottom - top)
    assert rows.min() > top - margin
    assert rows.max() < bottom + margin
    assert columns.min() > left - margin
    assert columns.max() < right + margin
    assert there[round(top) : round(bottom), round(left) : round(right)].mean() > 0.3


def test_only_the_largest(portrait: Pixels, protector: Protector) -> None:
    small = Image.fromarray(portrait).crop(HEAD).resize((70, 70), Image.Resampling.LANCZOS)
    pixels = portrait[:256, 60:400].copy()
    pixels[150:220, 10:80] = np.array(small)
    before = photo(pixels)
    run = QUICK["run"] | {"faces": "largest"}
    one = Protector(Settings.build(QUICK | {"run": run}), protector.engine)
    outcome = one(before)
    assert [face.status for face in outcome.faces] == ["veiled", "skipped"]
    assert outcome.faces[1].why == "only the largest face was asked for"
    assert len(outcome.verdict.faces) == 1
    assert not changed(before, outcome)[150:220, 10:70].any()


def test_the_file_seeds_its_veil(
    portrait: Pixels, portrait_path: Path, protector: Protector, outcome: Outcome
) -> None:
    again = protector(decode(portrait_path.read_bytes(), "another-name.png"))
    assert again.data == outcome.data
    copy = photo(portrait)
    assert copy.sha256 != read(portrait_path).sha256
    np.testing.assert_array_equal(copy.pixels, read(portrait_path).pixels)
    other = protector(copy)
    assert (other.photo.pixels != outcome.photo.pixels).any()


def test_nobody(protector: Protector) -> None:
    with pytest.raises(NoFaceError, match=r"sky\.png: no face found"):
        protector(photo(np.full((64, 96, 3), 140, np.uint8), name="sky.png"))


def test_progress_is_told_in_full(portrait: Pixels, protector: Protector) -> None:
    shares: list[float] = []
    protector(photo(np.ascontiguousarray(portrait[:256, 96:352])), shares.append)
    assert sum(shares) == pytest.approx(1)
    assert min(shares) > 0
