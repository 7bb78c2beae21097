"""``faceveil.protect``: what goes in comes out veiled in the same form."""

from __future__ import annotations

import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps
from tests.app.conftest import QUICK

import faceveil
from faceveil.app import api
from faceveil.app.protect import Outcome, Protector
from faceveil.app.settings import Settings
from faceveil.core.errors import NoFaceError, PhotoError, UsageError

Pixels = NDArray[np.uint8]


@pytest.fixture(scope="module")
def head(portrait: Pixels) -> Pixels:
    """The portrait's middle: small, so quick."""
    return portrait[:256, 96:352]


@pytest.fixture(scope="module")
def veiled_head(head: Pixels, protector: Protector) -> Pixels:
    return faceveil.protect(head, protector=protector)


def differs_a_little(before: Pixels, after: Pixels) -> bool:
    """Whether some pixels changed, and none by more than the default budget."""
    apart = np.abs(before.astype(int) - after)
    return after.shape == before.shape and 0 < apart.max() <= Settings().budget.eps


def test_pixels(head: Pixels, protector: Protector, veiled_head: Pixels) -> None:
    assert not head.flags.c_contiguous
    pixels = head.copy()
    veiled = faceveil.protect(pixels, protector=protector)
    assert type(veiled) is np.ndarray
    assert veiled.dtype == np.uint8
    assert differs_a_little(head, veiled)
    np.testing.assert_array_equal(pixels, head)
    np.testing.assert_array_equal(veiled, veiled_head)  # the same pixels, whatever their strides
    veiled[:] = 0  # and it is the caller's own


def test_grey_pixels(head: Pixels, protector: Protector) -> None:
    pixels = np.array(Image.fromarray(head).convert("L"))
    before = pixels.copy()
    veiled = faceveil.protect(pixels, protector=protector)
    assert veiled.ndim == 2
    assert differs_a_little(before, veiled)
    np.testing.assert_array_equal(pixels, before)


@pytest.mark.parametrize("kind", [str, Path])
def test_a_path_gives_the_path_of_the_veiled_file(
    kind: type[str] | type[Path],
    tmp_path: Path,
    portrait_path: Path,
    protector: Protector,
    outcome: Outcome,
) -> None:
    photo = tmp_path / "me.png"
    shutil.copy(portrait_path, photo)
    veiled = faceveil.protect(kind(photo), protector=protector)
    assert isinstance(veiled, kind)
    assert Path(veiled) == tmp_path / "me.veiled.png"
    assert Path(veiled).read_bytes() == outcome.data
    assert (tmp_path / "me.veiled.png.veil.json").exists()
    assert photo.read_bytes() == portrait_path.read_bytes()
    with pytest.raises(PhotoError, match=r"me\.veiled\.png exists already"):
        faceveil.protect(kind(photo), protector=protector)


def test_bytes_keep_their_format(head: Pixels, protector: Protector) -> None:
    file = BytesIO()
    Image.fromarray(head).save(file, "JPEG", quality=95)
    veiled = faceveil.protect(file.getvalue(), protector=protector)
    assert type(veiled) is bytes
    assert veiled.startswith(b"\xff\xd8\xff")
    assert veiled != file.getvalue()


@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA"])
def test_a_pillow_image_keeps_its_mode(mode: str, head: Pixels, protector: Protector) -> None:
    image = Image.fromarray(head).convert(mode)
    if mode == "RGBA":
        image.putalpha(Image.linear_gradient("L").resize(image.size))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    if mode == "RGB":
        image.info["icc_profile"] = profile
    before = np.array(image)
    veiled = faceveil.protect(image, protector=protector)
    assert veiled.mode == mode
    assert veiled.info.get("icc_profile") == image.info.get("icc_profile")
    assert veiled.size == image.size
    assert differs_a_little(before, np.array(veiled))
    np.testing.assert_array_equal(np.array(image), before)
    if mode == "RGBA":
        assert veiled.getchannel("A").tobytes() == image.getchannel("A").tobytes()


def test_a_turned_pillow_image_comes_back_upright(head: Pixels, protector: Protector) -> None:
    image = Image.fromarray(head[: len(head) * 3 // 4]).transpose(Image.Transpose.ROTATE_90)
    image.getexif()[0x0112] = 6  # to be turned by a quarter
    turned = ImageOps.exif_transpose(image)
    veiled = faceveil.protect(image, protector=protector)
    assert veiled.size == turned.size == image.size[::-1]
    assert differs_a_little(np.array(turned), np.array(veiled))
    assert not veiled.getexif()


@pytest.mark.parametrize("mode", ["P", "1", "CMYK", "I;16"])
def test_a_pillow_image_of_another_mode_is_refused(mode: str, protector: Protector) -> None:
    with pytest.raises(PhotoError, match=f"mode {mode}.*convert"):
        faceveil.protect(Image.new(mode, (64, 64)), protector=protector)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((64, 64, 3), np.float32),
        np.zeros((64, 64, 3), np.int64),
        np.zeros((64, 64, 4), np.uint8),
        np.zeros((64, 64, 1), np.uint8),
        np.zeros((1, 64, 64, 3), np.uint8),
        np.zeros(64, np.uint8),
        np.zeros((0, 64, 3), np.uint8),
    ],
    ids=lambda pixels: f"{pixels.dtype} {pixels.shape}",
)
def test_an_unsuitable_array_is_named(pixels: Pixels, protector: Protector) -> None:
    with pytest.raises(PhotoError, match=r"uint8 with shape h w 3 or h w, not \w+ \("):
        faceveil.protect(pixels, protector=protector)


@pytest.mark.parametrize("thing", [None, 3, ["me.jpg"], bytearray(b"x")])
def test_anything_else_is_refused(thing: object, protector: Protector) -> None:
    with pytest.raises(UsageError, match=r"a path, bytes, a Pillow image or an array, not"):
        faceveil.protect(thing, protector=protector)


def test_bytes_that_are_no_photo(protector: Protector) -> None:
    with pytest.raises(PhotoError, match="the image"):
        faceveil.protect(b"not a photo", protector=protector)


def test_nobody_in_the_photo(tmp_path: Path, protector: Protector) -> None:
    sky = Image.new("RGB", (96, 64), (90, 140, 200))
    sky.save(tmp_path / "sky.png")
    for image in (sky, np.array(sky), tmp_path / "sky.png", str(tmp_path / "sky.png")):
        with pytest.raises(NoFaceError, match="no face found"):
            faceveil.protect(image, protector=protector)
    assert [path.name for path in tmp_path.iterdir()] == ["sky.png"]


def test_a_path_that_is_gone_or_a_folder(
    tmp_path: Path, portrait_path: Path, protector: Protector
) -> None:
    with pytest.raises(UsageError, match=r"gone\.png does not exist"):
        faceveil.protect(tmp_path / "gone.png", protector=protector)
    for name in ("a.png", "b.png"):
        shutil.copy(portrait_path, tmp_path / name)
    with pytest.raises(PhotoError, match="is a folder"):
        faceveil.protect(tmp_path, protector=protector)
    assert len(list(tmp_path.iterdir())) == 2


def test_settings_as_a_mapping_or_a_value(
    portrait: Pixels, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []

    def load(settings: Settings, *, device: str) -> Protector:
        seen.append((settings, device))
        raise UsageError("seen")

    monkeypatch.setattr(api.Protector, "load", load)
    settings = Settings.build(QUICK)
    for given in (QUICK, settings, None):
        with pytest.raises(UsageError, match="seen"):
            faceveil.protect(head, given, device="cpu")
    assert seen == [(settings, "cpu"), (settings, "cpu"), (Settings(), "cpu")]
    with pytest.raises(UsageError, match="stepz"):
        faceveil.protect(head, {"method": {"stepz": 3}})


def test_its_own_models_give_what_a_loaded_protector_gives(
    head: Pixels, veiled_head: Pixels
) -> None:
    np.testing.assert_array_equal(faceveil.protect(head, QUICK, device="cpu"), veiled_head)
