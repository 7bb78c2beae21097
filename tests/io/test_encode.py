"""What goes out: the same format, the veil intact, and nothing told that was not asked for."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image, ImageCms

from faceveil.core.errors import PhotoError
from faceveil.io.encode import encode
from faceveil.io.photo import decode

FileOf = Callable[..., bytes]
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
SECRETS = (b"GPS", b"MAKER-NOTE", b"PREVIEW", b"UNKNOWN-TAG", b"XMP-PACKET", b"xmpmeta", b"COMMENT")
FORMATS = ["JPEG", "PNG", "WEBP", "TIFF", "HEIF"]

pictures = st.tuples(st.integers(1, 24), st.integers(1, 24)).flatmap(
    lambda size: st.sampled_from([(), (2,), (3,), (4,)]).flatmap(
        lambda channels: hnp.arrays(np.uint8, (*size, *channels))
    )
)


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
@settings(max_examples=40, deadline=None)
@given(picture=pictures)
def test_lossless_formats_keep_every_pixel(file_of: FileOf, kind: str, picture: np.ndarray) -> None:
    options = {"lossless": True, "exact": True} if kind == "WEBP" else {}
    source = Image.fromarray(picture)
    photo = decode(file_of(source, kind, **options), "a")
    veiled = 255 - photo.pixels
    again = decode(encode(photo, veiled), "b")
    np.testing.assert_array_equal(again.pixels, veiled)
    assert (again.grey, again.lossless) == (photo.grey, True)
    if photo.alpha is None:
        assert again.alpha is None
    else:
        np.testing.assert_array_equal(again.alpha, photo.alpha)
    if kind != "WEBP":
        grey = picture.ndim == 2 or picture.shape[2] == 2 or photo.grey
        expected = ("LA" if photo.alpha is not None else "L") if grey else None
        mode = Image.open(BytesIO(encode(photo, veiled))).mode
        assert mode == (expected or ("RGBA" if photo.alpha is not None else "RGB"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "HEIF"])
@pytest.mark.parametrize("grey", [False, True])
def test_format_size_and_greyness_stay(
    file_of: FileOf, colourful: Image.Image, kind: str, grey: bool
) -> None:
    source = colourful.convert("L") if grey else colourful
    photo = decode(file_of(source, kind), "a")
    written = encode(photo, photo.pixels)
    assert written == encode(photo, photo.pixels)
    again = decode(written, "b")
    assert (again.format, again.grey) == (kind, grey)
    assert again.pixels.shape == photo.pixels.shape
    assert np.abs(again.pixels.astype(int) - photo.pixels).mean() < (4 if kind == "WEBP" else 1)


@pytest.mark.parametrize("kind", ["JPEG", "HEIF"])
def test_a_veil_in_the_chroma_survives(file_of: FileOf, colourful: Image.Image, kind: str) -> None:
    photo = decode(file_of(Image.new("RGB", (64, 64), (120, 120, 120)), kind), "a")
    veil = np.tile(np.array([[8, -8], [-8, 8]]), (32, 32))
    veiled = photo.pixels.astype(int)
    veiled[..., 0] += veil
    veiled[..., 2] -= veil
    again = decode(encode(photo, veiled.clip(0, 255).astype(np.uint8)), "b")
    difference = again.pixels[..., 0].astype(int) - again.pixels[..., 2]
    assert np.corrcoef(difference.ravel(), veil.ravel())[0, 1] > 0.95


def test_jpeg_is_baseline_full_chroma_and_grey_where_grey(
    file_of: FileOf, colourful: Image.Image
) -> None:
    photo = decode(file_of(colourful, "JPEG", progressive=True), "a.jpg")
    image = Image.open(BytesIO(encode(photo, photo.pixels)))
    assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]
    assert "progressive" not in image.info
    grey = np.repeat(photo.pixels[..., 1:2], 3, axis=2)
    assert Image.open(BytesIO(encode(photo, grey))).mode == "L"


@pytest.mark.parametrize("quality", [95, 100])
def test_noise_fits_a_jpeg(file_of: FileOf, quality: int) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (512, 512, 3), dtype=np.uint8)
    photo = decode(file_of(Image.fromarray(noise), "PNG"), "a.png")
    jpeg = decode(file_of(Image.fromarray(noise), "JPEG"), "a.jpg")
    again = decode(encode(jpeg, photo.pixels, quality=quality), "b.jpg")
    assert np.abs(again.pixels.astype(int) - noise).mean() < 5


def test_quality_is_the_callers(file_of: FileOf, colourful: Image.Image) -> None:
    photo = decode(file_of(colourful, "JPEG"), "a.jpg")
    assert len(encode(photo, photo.pixels, quality=30)) < len(encode(photo, photo.pixels))


def test_a_lossy_webp_stays_lossy(file_of: FileOf, colourful: Image.Image) -> None:
    photo = decode(file_of(colourful, "WEBP", quality=80, exif=b"Exif\0\0II*\0\x08\0\0\0"), "a")
    assert not photo.lossless
    assert b"VP8 " in encode(photo, photo.pixels)
    lossless = decode(file_of(colourful, "WEBP", lossless=True, icc_profile=SRGB), "a")
    assert lossless.lossless  # although its first chunk is VP8X


@pytest.mark.parametrize("kind", FORMATS)
def test_the_profile_is_kept(file_of: FileOf, colourful: Image.Image, kind: str) -> None:
    photo = decode(file_of(colourful, kind, icc_profile=SRGB), "a")
    assert photo.icc == SRGB
    assert decode(encode(photo, photo.pixels), "b").icc == SRGB


@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_a_grey_picture_with_a_colour_profile_keeps_both(
    file_of: FileOf, colourful: Image.Image, kind: str
) -> None:
    source = colourful.convert("L").convert("RGB")
    photo = decode(file_of(source, kind, icc_profile=SRGB, quality=100), "a")
    again = decode(encode(photo, photo.pixels), "b")
    assert (again.grey, again.icc) == (True, SRGB)


def test_a_grey_profile_goes_with_the_grey(file_of: FileOf, colourful: Image.Image) -> None:
    grey_icc = SRGB[:16] + b"GRAY" + SRGB[20:]
    photo = decode(file_of(colourful.convert("L"), "PNG", icc_profile=grey_icc), "a.png")
    assert photo.icc == grey_icc
    assert decode(encode(photo, photo.pixels), "b").icc == grey_icc
    assert decode(encode(photo, np.asarray(colourful)), "b").icc is None


def test_cmyk_comes_out_as_rgb(file_of: FileOf) -> None:
    photo = decode(file_of(Image.new("CMYK", (8, 8), (200, 0, 0, 0)), "JPEG"), "a.jpg")
    assert Image.open(BytesIO(encode(photo, photo.pixels))).mode == "RGB"


@pytest.mark.parametrize("kind", FORMATS)
def test_nothing_is_told_by_default(
    file_of: FileOf, colourful: Image.Image, telling_exif: bytes, kind: str
) -> None:
    data = file_of(colourful, kind, exif=telling_exif, **also_telling(kind))
    assert b"CAMERA-MAKER" in data
    photo = decode(data, "a")
    written = encode(photo, photo.pixels)
    for word in (*SECRETS, b"CAMERA-MAKER", b"COPYRIGHT-HOLDER", b"LENS-MODEL", b"Photoshop"):
        assert word not in written
    assert decode(written, "b").exif is None


@pytest.mark.parametrize("kind", FORMATS)
def test_keep_metadata_keeps_the_camera_and_not_the_place(
    file_of: FileOf, colourful: Image.Image, telling_exif: bytes, kind: str
) -> None:
    photo = decode(file_of(colourful, kind, exif=telling_exif, **also_telling(kind)), "a")
    written = encode(photo, photo.pixels, keep_metadata=True)
    for word in SECRETS[:-1]:
        assert word not in written
    for word in (b"CAMERA-MAKER", b"COPYRIGHT-HOLDER", b"LENS-MODEL", b"2024:05:06 07:08:09"):
        assert word in written
    again = decode(written, "b")
    assert again.pixels.shape == photo.pixels.shape  # upright, and not turned a second time
    assert again.exif is not None


def also_telling(kind: str) -> dict[str, object]:
    """More places a file of this format has for words."""
    packet = b"<x:xmpmeta>XMP-PACKET</x:xmpmeta>"
    match kind:
        case "JPEG":
            return {"comment": b"COMMENT", "xmp": packet}
        case "WEBP" | "HEIF":
            return {"xmp": packet}
    return {}


def test_pixels_of_another_shape_are_a_programming_error(
    file_of: FileOf, colourful: Image.Image
) -> None:
    photo = decode(file_of(colourful, "PNG"), "a.png")
    with pytest.raises(ValueError, match="uint8"):
        encode(photo, photo.pixels[1:])
    with pytest.raises(ValueError, match="float"):
        encode(photo, photo.pixels.astype(np.float32))  # type: ignore[arg-type]


def test_an_encoder_that_fails_is_a_sentence(
    file_of: FileOf, colourful: Image.Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError("encoder error -2")

    photo = decode(file_of(colourful, "PNG"), "a.png")
    monkeypatch.setattr(Image.Image, "save", fail)
    with pytest.raises(PhotoError, match=r"a\.png cannot be written as PNG: encoder error -2"):
        encode(photo, photo.pixels)
