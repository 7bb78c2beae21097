"""What comes in: every odd file becomes upright RGB or a sentence."""

from __future__ import annotations

import builtins
import os
import struct
import threading
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from faceveil.core.errors import PhotoError
from faceveil.core.seeds import content_hash
from faceveil.io.photo import decode, read

FileOf = Callable[..., bytes]


def test_a_photo_knows_its_pixels_format_and_hash(file_of: FileOf, colourful: Image.Image) -> None:
    data = file_of(colourful, "PNG")
    photo = decode(data, "a.png")
    np.testing.assert_array_equal(photo.pixels, np.asarray(colourful))
    assert photo.pixels.dtype == np.uint8
    assert photo.pixels.flags.c_contiguous
    assert not photo.pixels.flags.writeable
    assert (photo.format, photo.grey, photo.lossless) == ("PNG", False, True)
    assert (photo.alpha, photo.icc, photo.exif, photo.notes) == (None, None, None, ())
    assert photo.sha256 == content_hash(data)
    assert photo.name == "a.png"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "HEIF"])
@pytest.mark.parametrize("size", [(1, 1), (3, 5)])
def test_every_format_is_known_by_its_bytes(
    file_of: FileOf, colourful: Image.Image, kind: str, size: tuple[int, int]
) -> None:
    photo = decode(file_of(colourful.crop((20, 10, 20 + size[0], 10 + size[1])), kind), "photo")
    assert photo.format == kind
    assert photo.pixels.shape == (size[1], size[0], 3)


def test_a_misnamed_file_is_judged_by_its_bytes(file_of: FileOf, colourful: Image.Image) -> None:
    photo = decode(file_of(colourful, "PNG"), "holiday.JPG")
    assert photo.format == "PNG"
    assert photo.notes == ("It is named like a JPEG but is a PNG, and stays one.",)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_every_orientation_comes_upright(
    file_of: FileOf, colourful: Image.Image, kind: str, orientation: int
) -> None:
    upright = np.asarray(colourful)
    # What the camera stored so that a viewer that obeys the tag shows ``upright``.
    stored = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: upright.transpose(1, 0, 2)[::-1],
        7: upright.transpose(1, 0, 2)[::-1, ::-1],
        8: upright.transpose(1, 0, 2)[:, ::-1],
    }[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"JPEG": {"quality": 100, "subsampling": 0}, "WEBP": {"lossless": True}}
    image = Image.fromarray(np.ascontiguousarray(stored))
    photo = decode(file_of(image, kind, exif=exif, **options.get(kind, {})), "turned")
    assert np.abs(photo.pixels.astype(int) - upright).max() <= (3 if kind == "JPEG" else 0)


@pytest.mark.parametrize("value", [0, 9, 1000])
def test_a_senseless_orientation_is_ignored(
    file_of: FileOf, colourful: Image.Image, value: int
) -> None:
    exif = Image.Exif()
    exif[0x0112] = value
    photo = decode(file_of(colourful, "PNG", exif=exif), "a.png")
    np.testing.assert_array_equal(photo.pixels, np.asarray(colourful))


def test_damaged_exif_neither_stops_nor_warns(file_of: FileOf, colourful: Image.Image) -> None:
    lying = b"Exif\0\0II*\0\x08\0\0\0\x03\0" + struct.pack("<HHLL", 0x0112, 3, 900, 70000) + b"x"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        photo = decode(file_of(colourful, "JPEG", exif=lying), "a.jpg")
    assert photo.exif is None


def test_threads_leave_the_warning_filters_as_they_were(
    file_of: FileOf, colourful: Image.Image
) -> None:
    data = file_of(colourful, "JPEG")
    before = list(warnings.filters)
    threads = [threading.Thread(target=decode, args=(data, "a.jpg")) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert list(warnings.filters) == before


class TestColour:
    def test_grey_modes_and_grey_colour_are_grey(
        self, file_of: FileOf, colourful: Image.Image
    ) -> None:
        grey = colourful.convert("L")
        for image in (grey, grey.convert("LA"), grey.convert("RGB"), grey.convert("P")):
            photo = decode(file_of(image, "PNG"), "a.png")
            assert photo.grey
            np.testing.assert_array_equal(photo.pixels, np.asarray(grey.convert("RGB")))
        assert decode(file_of(grey, "JPEG"), "a.jpg").grey
        assert decode(file_of(grey, "WEBP"), "a.webp").grey  # although its decoder tints

    def test_transparency_is_kept_apart(self, file_of: FileOf, colourful: Image.Image) -> None:
        alpha = np.arange(48 * 32, dtype=np.uint32).reshape(32, 48).astype(np.uint8)
        image = colourful.copy()
        image.putalpha(Image.fromarray(alpha))
        photo = decode(file_of(image, "PNG"), "a.png")
        np.testing.assert_array_equal(photo.pixels, np.asarray(colourful))
        assert photo.alpha is not None
        np.testing.assert_array_equal(photo.alpha, alpha)

    def test_palette_with_a_transparent_entry(
        self, file_of: FileOf, colourful: Image.Image
    ) -> None:
        image = colourful.quantize(8)
        photo = decode(file_of(image, "PNG", transparency=3), "a.png")
        assert photo.alpha is not None
        np.testing.assert_array_equal(photo.alpha == 0, np.asarray(image) == 3)
        np.testing.assert_array_equal(photo.pixels, np.asarray(image.convert("RGB")))
        assert photo.notes == ("It had a palette and became full colour.",)

    def test_palette_with_alpha_per_entry(self, file_of: FileOf, colourful: Image.Image) -> None:
        image = colourful.quantize(4)
        levels = bytes([0, 80, 160, 255])
        photo = decode(file_of(image, "PNG", transparency=levels), "a.png")
        assert photo.alpha is not None
        np.testing.assert_array_equal(
            photo.alpha, np.frombuffer(levels, np.uint8)[np.asarray(image)]
        )

    def test_one_bit(self, file_of: FileOf, colourful: Image.Image) -> None:
        image = colourful.convert("1")
        photo = decode(file_of(image, "PNG"), "a.png")
        np.testing.assert_array_equal(photo.pixels[..., 0] == 255, np.asarray(image))
        assert photo.notes == ("It was pure black and white and became 8-bit grey.",)

    @pytest.mark.parametrize(("colour_type", "n_channels"), [(0, 1), (2, 3), (4, 2), (6, 4)])
    def test_sixteen_bit_png(self, png_of: FileOf, colour_type: int, n_channels: int) -> None:
        deep = np.random.default_rng(0).integers(0, 65536, (5, 7, n_channels)).astype(">u2")
        photo = decode(png_of(7, 5, 16, colour_type, [row.tobytes() for row in deep]), "a.png")
        high = (deep >> 8).astype(np.uint8)
        colour = high[..., :3] if n_channels > 2 else np.repeat(high[..., :1], 3, axis=2)
        np.testing.assert_array_equal(photo.pixels, colour)
        if n_channels in {2, 4}:
            assert photo.alpha is not None
            np.testing.assert_array_equal(photo.alpha, high[..., -1])
        assert photo.notes == ("It had more than 8 bits per channel and became 8-bit.",)

    def test_sixteen_bit_tiff(self, file_of: FileOf) -> None:
        deep = np.arange(0, 65536, 1024, dtype=np.uint16).reshape(8, 8)
        photo = decode(file_of(Image.fromarray(deep), "TIFF"), "a.tif")
        np.testing.assert_array_equal(photo.pixels[..., 0], deep >> 8)
        assert photo.notes == ("It had more than 8 bits per channel and became 8-bit.",)

    @pytest.mark.parametrize("depth", [2, 4, 16])
    def test_a_transparent_colour_of_another_depth_is_refused(
        self, png_of: FileOf, depth: int
    ) -> None:
        data = png_of(1, 1, depth, 0, [b"\xff\xff"], tRNS=b"\0\x03")
        with pytest.raises(PhotoError, match="alpha channel"):
            decode(data, "a.png")

    def test_sixteen_bit_bmp_pixels_are_not_called_deep(self) -> None:
        header = struct.pack("<2sLHHL", b"BM", 58, 0, 0, 54)
        info = struct.pack("<LllHHLLllLL", 40, 1, 1, 1, 16, 0, 4, 0, 0, 0, 0)
        photo = decode(header + info + struct.pack("<HH", 0b0_11111_00000_00000, 0), "a.bmp")
        assert photo.pixels.tolist() == [[[255, 0, 0]]]
        assert photo.notes == ()

    @pytest.mark.parametrize("mode", ["F", "I"])
    def test_unusual_pixels_are_refused(self, file_of: FileOf, mode: str) -> None:
        with pytest.raises(PhotoError, match="unusual way"):
            decode(file_of(Image.new(mode, (4, 4)), "TIFF"), "a.tif")

    def test_cmyk_without_a_profile(self, file_of: FileOf) -> None:
        image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
        photo = decode(file_of(image, "JPEG", quality=100), "a.jpg")
        assert np.abs(photo.pixels.astype(int) - (0, 255, 255)).max() <= 3
        assert photo.notes == (
            "Its CMYK colours became sRGB without a profile, so they may look different.",
        )

    def test_cmyk_goes_through_its_own_profile(self, file_of: FileOf) -> None:
        image = Image.new("CMYK", (16, 16), (255, 0, 0, 0))
        icc = cmyk_profile(cyan_lightness=50)
        photo = decode(file_of(image, "JPEG", quality=100, icc_profile=icc), "a.jpg")
        # This profile calls full cyan a mid grey: L* 50 is 119 in sRGB.
        assert np.abs(photo.pixels.astype(int) - 119).max() <= 3
        assert photo.icc is None
        assert photo.notes == ("Its CMYK colours became sRGB through their own profile.",)

    def test_cmyk_with_a_damaged_profile(self, file_of: FileOf) -> None:
        icc = cmyk_profile(cyan_lightness=50)[:200]
        data = file_of(Image.new("CMYK", (8, 8)), "JPEG", icc_profile=icc)
        assert "damaged" in decode(data, "a.jpg").notes[0]

    def test_ycck_jpeg(self, file_of: FileOf) -> None:
        data = bytearray(file_of(Image.new("CMYK", (16, 16), (100, 127, 127, 0)), "JPEG"))
        transform_at = data.index(b"Adobe") + 11
        assert data[transform_at] == 0
        data[transform_at] = 2  # the same samples, now luma and chroma: a neutral colour
        photo = decode(bytes(data), "a.jpg")
        assert np.ptp(photo.pixels.astype(int), axis=2).max() <= 3
        assert "CMYK" in photo.notes[0]

    def test_a_profile_stays_with_the_pixels_it_describes(
        self, file_of: FileOf, colourful: Image.Image
    ) -> None:
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        assert decode(file_of(colourful, "JPEG", icc_profile=srgb), "a.jpg").icc == srgb
        photo = decode(file_of(colourful.convert("L"), "JPEG", icc_profile=srgb), "a.jpg")
        assert photo.icc is None
        assert "left out" in photo.notes[0]

    def test_colours_tagged_without_a_profile_are_mentioned(self, png_of: FileOf) -> None:
        linear = png_of(1, 1, 8, 2, [b"abc"], gAMA=struct.pack(">L", 100000))
        usual = png_of(1, 1, 8, 2, [b"abc"], gAMA=struct.pack(">L", 45455))
        assert "without a profile" in decode(linear, "a.png").notes[0]
        assert decode(usual, "a.png").notes == ()


class TestRefusals:
    @pytest.mark.parametrize(
        ("data", "says"),
        [
            (b"", "empty"),
            (b"hello world, this is text", "no photo"),
            (b"GIF89a\x01\0\x01\0", "a GIF.*PNG or JPEG export"),
            (b"\0\0\0\x20ftypavif\0\0\0\0", "an AVIF.*PNG or JPEG export"),
            (b"%PDF-1.7", "a PDF"),
            (b"\xff\xd8\xff", "damaged"),
            (b"\x89PNG\r\n\x1a\n", "damaged"),
            (b"RIFF\x04\0\0\0WEBP", "damaged"),
            (b"II*\0\x08\0\0\0", "damaged"),
            (b"BM", "damaged"),
        ],
    )
    def test_not_a_photo(self, data: bytes, says: str) -> None:
        with pytest.raises(PhotoError, match=f"^a\\.jpg is {says}"):
            decode(data, "a.jpg")

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "HEIF"])
    def test_a_file_cut_short(self, file_of: FileOf, kind: str) -> None:
        noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
        data = file_of(Image.fromarray(noise), kind)
        for share in (0.3, 0.6, 0.9):
            with pytest.raises(PhotoError, match="damaged or cut short"):
                decode(data[: int(share * len(data))], "a")

    def test_the_sentence_stays_on_one_line(self, file_of: FileOf, colourful: Image.Image) -> None:
        data = file_of(colourful, "HEIF")
        with pytest.raises(PhotoError) as refused:  # whose decoder says so in two lines
            decode(data[: len(data) // 2], "a.heic")
        assert "\n" not in str(refused.value)

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "HEIF"])
    def test_random_damage_is_a_sentence_or_a_photo(
        self, file_of: FileOf, colourful: Image.Image, kind: str
    ) -> None:
        whole = file_of(colourful, kind)
        rng = np.random.default_rng(1)
        for _ in range(60):
            data = bytearray(whole)
            for at in rng.integers(0, len(data), 4):
                data[at] = rng.integers(0, 256)
            try:
                photo = decode(bytes(data), "a", limit_px=10_000)
            except PhotoError:
                continue
            assert photo.pixels.size <= 30_000

    def test_a_decompression_bomb_is_refused_by_its_header(self, png_of: FileOf) -> None:
        bomb = png_of(50_000, 50_000, 8, 2, [])
        with pytest.raises(PhotoError, match=r"50000 x 50000 pixels.* limit of 200 million"):
            decode(bomb, "bomb.png")

    @pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "HEIF"])
    def test_the_limit_is_the_callers(
        self, file_of: FileOf, colourful: Image.Image, kind: str
    ) -> None:
        data = file_of(colourful, kind)
        assert decode(data, "a", limit_px=48 * 32).format == kind
        with pytest.raises(PhotoError, match="48 x 32 pixels"):
            decode(data, "a", limit_px=48 * 32 - 1)

    def test_pillows_own_lower_limit_does_not_apply(
        self, file_of: FileOf, colourful: Image.Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = file_of(colourful, "JPEG")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        assert decode(data, "a.jpg").pixels.shape == (32, 48, 3)

    def test_too_large_for_pillow(
        self, file_of: FileOf, colourful: Image.Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = file_of(colourful, "TIFF")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
        with pytest.raises(PhotoError, match="too large for memory"):
            decode(data, "a.tif")

    @pytest.mark.parametrize("kind", ["PNG", "WEBP", "TIFF"])
    def test_animations_and_pages(self, file_of: FileOf, colourful: Image.Image, kind: str) -> None:
        other = colourful.transpose(Image.Transpose.ROTATE_180)
        data = file_of(colourful, kind, save_all=True, append_images=[other])
        with pytest.raises(PhotoError, match="animated or has several pages"):
            decode(data, "a")

    def test_the_first_picture_of_an_mpo(self, file_of: FileOf, colourful: Image.Image) -> None:
        other = Image.new("RGB", (48, 32), "white")
        data = file_of(colourful, "MPO", save_all=True, append_images=[other], quality=95)
        photo = decode(data, "a.jpg")
        assert np.abs(photo.pixels.astype(int) - np.asarray(colourful)).mean() < 3
        assert photo.format == "JPEG"
        assert "several pictures" in photo.notes[0]

    def test_the_main_picture_of_a_burst(self, file_of: FileOf, colourful: Image.Image) -> None:
        heif = pytest.importorskip("pillow_heif")
        burst = heif.from_pillow(Image.new("RGB", (48, 32), "white"))
        burst.add_from_pillow(colourful)
        stream = BytesIO()
        burst.save(stream, quality=-1, chroma=444, primary_index=1)
        photo = decode(stream.getvalue(), "a.heic")
        assert np.abs(photo.pixels.astype(int) - np.asarray(colourful)).mean() < 3
        assert "several pictures" in photo.notes[0]

    def test_a_camera_raw_file(self, file_of: FileOf, colourful: Image.Image) -> None:
        data = file_of(colourful, "TIFF", tiffinfo={0x00FE: 1})
        with pytest.raises(PhotoError, match="raw file"):
            decode(data, "a.nef")

    def test_a_bmp_with_transparency(self) -> None:
        header = struct.pack("<2sLHHL", b"BM", 126, 0, 0, 122)
        masks = struct.pack("<LLLL", 0xFF0000, 0xFF00, 0xFF, 0xFF000000)
        info = struct.pack("<LllHHLLllLL", 108, 1, 1, 1, 32, 3, 4, 0, 0, 0, 0) + masks + bytes(52)
        with pytest.raises(PhotoError, match="BMP with transparency"):
            decode(header + info + b"\1\2\3\4", "a.bmp")

    def test_heic_without_its_extra(
        self, file_of: FileOf, colourful: Image.Image, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        data = file_of(colourful, "HEIF")
        real_import = builtins.__import__

        def without_heif(name: str, *args: object) -> object:
            if name == "pillow_heif":
                raise ImportError(name)
            return real_import(name, *args)  # type: ignore[arg-type]

        monkeypatch.setattr(builtins, "__import__", without_heif)
        with pytest.raises(PhotoError, match=r'pip install "faceveil\[heif\]"'):
            decode(data, "a.heic")


class TestRead:
    def test_a_file(self, file_of: FileOf, colourful: Image.Image, tmp_path: Path) -> None:
        path = tmp_path / "a.png"
        path.write_bytes(file_of(colourful, "PNG"))
        assert read(path).name == str(path)

    def test_no_file(self, tmp_path: Path) -> None:
        with pytest.raises(PhotoError, match="cannot be read: No such file"):
            read(tmp_path / "missing.jpg")

    def test_a_folder(self, tmp_path: Path) -> None:
        with pytest.raises(PhotoError, match="is not a file"):
            read(tmp_path)

    @pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="this system has no named pipes")
    def test_a_pipe_does_not_hang(self, tmp_path: Path) -> None:
        os.mkfifo(tmp_path / "pipe.jpg")
        with pytest.raises(PhotoError, match="is not a file"):
            read(tmp_path / "pipe.jpg")


def cmyk_profile(cyan_lightness: int) -> bytes:
    """A small printer profile: white paper, full cyan a grey of that L*, any other ink black."""
    identity = b"".join(struct.pack(">l", 65536 * (i % 4 == 0)) for i in range(9))
    ramp = bytes(range(256))
    nodes = [(0, 128, 128)] * 16
    nodes[0] = (255, 128, 128)
    nodes[8] = (round(cyan_lightness * 2.55), 128, 128)  # the first ink varies slowest
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0]) + identity
    table += 4 * ramp + b"".join(bytes(node) for node in nodes) + 3 * ramp
    tags = struct.pack(">L4sLL", 1, b"A2B0", 144, len(table))
    header = struct.pack(
        ">L4sL4s4s4s", 144 + len(table), bytes(4), 0x02400000, b"prtr", b"CMYK", b"Lab "
    )
    header += struct.pack(">6H4s", 2024, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += struct.pack(">lll", 0xF6D6, 0x10000, 0xD32D)
    return header.ljust(128, b"\0") + tags + table
