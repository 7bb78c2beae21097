from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageOps

from faceveil.faces.detect import Detector, close_up, distinct, first_looks
from faceveil.faces.face import Face

from .conftest import face_at

Pixels = npt.NDArray[np.uint8]
PHOTOS = {
    "008793.jpg": 1,
    "047073.jpg": 1,
    "055622.jpg": 1,
    "166607.jpg": 1,
    "sample1.jpg": 3,
    "sample2.jpg": 3,
    "sample3.jpg": 3,
    "sample4.jpg": 4,
    "sample5.jpg": 5,
    "sample6.jpg": 4,
}


def read(path: Path) -> Pixels:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def group_photo(
    portraits: list[tuple[Pixels, Face]], sizes: list[int], width: int, height: int
) -> tuple[Pixels, npt.NDArray[np.float64]]:
    """Portraits resized so that their faces have ``sizes``, on a blurred ground; and the noses."""
    rng = np.random.default_rng(0)
    ground = Image.fromarray(rng.integers(40, 200, (8, 12, 3), np.uint8))
    photo = ground.resize((width, height), Image.Resampling.BICUBIC)
    columns = math.ceil(math.sqrt(len(sizes) * width / height))
    cell = width // columns
    noses = []
    for i, size in enumerate(sizes):
        pixels, face = portraits[i % len(portraits)]
        scale = size / face.size_px
        side = round(len(pixels) * scale)
        assert side < cell
        y, x = divmod(i, columns)
        left, top = (x * cell + (cell - side) // 2, y * cell + (cell - side) // 2)
        portrait = Image.fromarray(pixels).resize((side, side), Image.Resampling.LANCZOS)
        photo.paste(portrait, (left, top))
        noses.append((face.landmarks[2] + 0.5) * scale - 0.5 + (left, top))
    return np.asarray(photo), np.array(noses)


def assert_found(faces: tuple[Face, ...], noses: npt.NDArray[np.float64], sizes: list[int]) -> None:
    """Every nose has its face of about its size, and there are no others."""
    assert len(faces) == len(noses)
    for nose, size in zip(noses, sizes, strict=True):
        nearest = min(faces, key=lambda face: float(np.hypot(*(face.landmarks[2] - nose))))
        assert np.hypot(*(nearest.landmarks[2] - nose)) < 0.1 * size
        assert nearest.size_px == pytest.approx(size, rel=0.2)


def portrait_of(detector: Detector, pixels: Pixels) -> tuple[Pixels, Face]:
    return pixels, detector(pixels)[0]


def test_finds_the_one_face_of_a_portrait(detector: Detector, astronaut: Pixels) -> None:
    (face,) = detector(astronaut)
    assert face.score > 0.8
    eyes_and_mouth = [(203, 109), (247, 110), (227, 131), (204, 150), (243, 151)]
    assert np.abs(face.landmarks - eyes_and_mouth).max() < 8
    assert detector(astronaut) == (face,)


def test_landmarks_mirror_with_the_photo(detector: Detector, astronaut: Pixels) -> None:
    (face,) = detector(astronaut)
    (mirrored,) = detector(np.ascontiguousarray(astronaut[:, ::-1]))
    back = mirrored.landmarks[[1, 0, 2, 4, 3]] * (-1, 1) + (astronaut.shape[1] - 1, 0)
    assert np.abs(face.landmarks - back).max() < 0.05 * face.size_px


@pytest.mark.parametrize("scale", [0.2, 0.5, 3.0])
def test_landmarks_scale_with_the_photo(
    detector: Detector, astronaut: Pixels, scale: float
) -> None:
    (face,) = detector(astronaut)
    side = round(len(astronaut) * scale)
    scaled = np.asarray(Image.fromarray(astronaut).resize((side, side)))
    (other,) = detector(scaled)
    back = (other.landmarks + 0.5) * len(astronaut) / side - 0.5
    assert np.abs(face.landmarks - back).max() < 0.05 * face.size_px


@pytest.mark.parametrize("turn", [-20, 20])
def test_finds_a_tilted_face(detector: Detector, astronaut: Pixels, turn: float) -> None:
    (face,) = detector(np.asarray(Image.fromarray(astronaut).rotate(turn, expand=True)))
    eyes = face.landmarks[1] - face.landmarks[0]
    assert -math.degrees(math.atan2(eyes[1], eyes[0])) == pytest.approx(turn, abs=8)


@pytest.mark.parametrize(
    "cut",
    [(0, 0, 1, 1), (-1, -1, 0.75, 2), (0.25, -1, 2, 2), (-1, 0.3, 2, 2), (-1, -1, 2, 0.75)],
    ids=["fills the frame", "cut right", "cut left", "cut above", "cut below"],
)
def test_finds_a_face_that_the_frame_holds_or_cuts(
    detector: Detector, astronaut: Pixels, cut: tuple[float, float, float, float]
) -> None:
    (face,) = detector(astronaut)
    start, sides = np.array(face.box[:2]), np.subtract(face.box[2:], face.box[:2])
    corners = start + np.reshape(cut, (2, 2)) * sides
    (left, top), (right, bottom) = corners.round().astype(int).clip(0, 512)
    part = Image.fromarray(astronaut[top:bottom, left:right])
    for zoom in (1, 8):
        large = part.resize((part.width * zoom, part.height * zoom), Image.Resampling.BICUBIC)
        (found,) = detector(np.asarray(large))
        back = (found.landmarks + 0.5) / zoom - 0.5 + (left, top)
        assert np.abs(back - face.landmarks).mean() < 0.1 * face.size_px


def test_finds_nothing_where_no_face_is(detector: Detector, astronaut: Pixels) -> None:
    rng = np.random.default_rng(0)
    assert detector(rng.integers(0, 256, (300, 400, 3), np.uint8)) == ()
    assert detector(np.zeros((200, 300, 3), np.uint8)) == ()
    assert detector(np.ascontiguousarray(astronaut[250:, :])) == ()


@pytest.mark.parametrize("shape", [(1, 1), (1, 3000), (3000, 1), (7, 5), (31, 33)])
def test_a_photo_of_any_shape_is_looked_at(detector: Detector, shape: tuple[int, int]) -> None:
    assert detector(np.full((*shape, 3), 128, np.uint8)) == ()


def test_a_grey_face_is_found_where_the_colour_one_is(
    detector: Detector, astronaut: Pixels
) -> None:
    (face,) = detector(astronaut)
    (grey,) = detector(np.asarray(ImageOps.grayscale(Image.fromarray(astronaut)).convert("RGB")))
    assert np.abs(face.landmarks - grey.landmarks).max() < 0.05 * face.size_px


def test_orders_faces_by_size(detector: Detector, astronaut: Pixels) -> None:
    sizes = [40, 110, 70]
    photo, noses = group_photo([portrait_of(detector, astronaut)], sizes, 2100, 900)
    faces = detector(photo)
    assert_found(faces, noses, sizes)
    assert [face.size_px for face in faces] == sorted((f.size_px for f in faces), reverse=True)


@pytest.mark.slow
def test_finds_faces_from_60_px_on_in_24_megapixels(detector: Detector, astronaut: Pixels) -> None:
    sizes = [60, 60, 60, 70, 80, 100, 120, 150, 200, 60, 75, 90]
    photo, noses = group_photo([portrait_of(detector, astronaut)], sizes, 6000, 4000)
    assert_found(detector(photo), noses, sizes)


@pytest.mark.slow
@pytest.mark.shared
def test_finds_twenty_people_in_24_megapixels(detector: Detector, shared: Path) -> None:
    people = sorted((shared / "data" / "celebahq-pairs").glob("id0[01]*/probe.png"))
    portraits = [portrait_of(detector, read(path)) for path in people]
    sizes = [int(size) for size in np.geomspace(60, 400, 20)]
    photo, noses = group_photo(portraits, sizes, 6000, 4000)
    assert_found(detector(photo), noses, sizes)


@pytest.mark.slow
@pytest.mark.shared
def test_finds_every_second_person_of_celebahq_pairs(detector: Detector, shared: Path) -> None:
    paths = sorted((shared / "data" / "celebahq-pairs").glob("id*[02468]/probe.png"))
    assert len(paths) == 100
    assert [path for path in paths if not detector(read(path))] == []


@pytest.mark.shared
@pytest.mark.parametrize("name", PHOTOS)
def test_finds_every_face_of_ordinary_photos(detector: Detector, shared: Path, name: str) -> None:
    assert len(detector(read(shared / "data" / "photos" / name))) == PHOTOS[name]


@pytest.mark.shared
def test_landmarks_agree_with_those_of_the_reference(detector: Detector, shared: Path) -> None:
    with np.load(shared / "models" / "reference.npz") as reference:
        names, expected = reference["images"], reference["centerface_landmarks"]
    off = []
    for name, points in zip(names, expected, strict=True):
        face = detector(read(shared / "data" / "celebahq-pairs" / str(name)))[0]
        # The reference counts from the corner of the first pixel.
        distance = np.linalg.norm(face.landmarks - (points - 0.5), axis=1)
        off.append(distance.mean() / np.linalg.norm(points[1] - points[0]))
    assert np.mean(off) < 0.06


@given(width=st.integers(1, 20_000), height=st.integers(1, 20_000))
def test_first_looks_are_bounded_and_see_all_of_the_photo(width: int, height: int) -> None:
    for view in first_looks(width, height):
        assert view.width % 32 == view.height % 32 == 0
        assert view.left + view.width / view.scale >= width - 1e-6
        assert view.top + view.height / view.scale >= height - 1e-6
        assert (view.width - 32) * (view.height - 32) <= 2_600_000


def test_close_up_puts_the_face_in_the_middle_at_half_the_size() -> None:
    face = face_at(700, 300, 250)
    view = close_up(face)
    corners = np.array(face.box, np.float32).reshape(2, 2)
    expected = view.to_photo(np.array([(47.5, 47.5), (143.5, 143.5)], np.float32))
    np.testing.assert_allclose(corners, expected, atol=1e-3)


def test_distinct_keeps_the_best_of_faces_that_overlap() -> None:
    best, near, apart = face_at(50, 50, 40), face_at(55, 50, 40), face_at(90, 50, 40)
    near = Face(near.box, near.landmarks, 0.8)
    assert distinct([near, apart, best]) == sorted([best, apart], key=lambda face: face.box)
    assert distinct([]) == []
