"""Photo files made on the spot, so that every odd kind has one."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def file_of() -> Callable[..., bytes]:
    """A photo file's bytes from a Pillow image, a format and that format's options."""

    def save(image: Image.Image, kind: str, **options: object) -> bytes:
        stream = BytesIO()
        if kind == "HEIF":
            heif = pytest.importorskip("pillow_heif")
            heif.from_pillow(image).save(stream, quality=-1, chroma=444, **options)
        else:
            image.save(stream, kind, **options)
        return stream.getvalue()

    return save


@pytest.fixture(scope="session")
def colourful() -> Image.Image:
    """A smooth, colourful 48 x 32 picture that no turn leaves as it was."""
    y, x = np.mgrid[0:32, 0:48]
    return Image.fromarray(np.stack([5 * x, 7 * y, 255 - 3 * (x + y)], axis=2).astype(np.uint8))


@pytest.fixture(scope="session")
def png_of() -> Callable[..., bytes]:
    """A PNG file from raw rows, for the depths Pillow does not write."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        crc = struct.pack(">L", zlib.crc32(kind + data))
        return struct.pack(">L", len(data)) + kind + data + crc

    def build(
        width: int, height: int, depth: int, colour_type: int, rows: list[bytes], **more: bytes
    ) -> bytes:
        header = struct.pack(">LLBBBBB", width, height, depth, colour_type, 0, 0, 0)
        pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
        return b"\x89PNG\r\n\x1a\n" + b"".join(
            [
                chunk(b"IHDR", header),
                *(chunk(kind.encode(), data) for kind, data in more.items()),
                chunk(b"IDAT", pixels),
                chunk(b"IEND", b""),
            ]
        )

    return build


@pytest.fixture(scope="session")
def telling_exif() -> bytes:
    """An EXIF block with everything a camera may tell, good and bad, and a preview.

    The words to look for are ``GPS-PLACE``, ``MAKER-NOTE``, ``PREVIEW``, ``UNKNOWN-TAG``.
    """

    def directory(at: int, entries: list[tuple[int, int, int, bytes]], after: int = 0) -> bytes:
        table, values = struct.pack("<H", len(entries)), b""
        values_at = at + 2 + 12 * len(entries) + 4
        for tag, kind, count, value in sorted(entries):
            table += struct.pack("<HHL", tag, kind, count)
            if len(value) <= 4:
                table += value.ljust(4, b"\0")
            else:
                table += struct.pack("<L", values_at + len(values))
                values += value + bytes(len(value) % 2)
        return table + struct.pack("<L", after) + values

    def text(tag: int, value: bytes, kind: int = 2) -> tuple[int, int, int, bytes]:
        return tag, kind, len(value), value

    def long(tag: int, value: int) -> tuple[int, int, int, bytes]:
        return tag, 4, 1, struct.pack("<L", value)

    exif_at, gps_at, preview_at, main_at = 1000, 2000, 3000, 8
    camera = directory(
        exif_at,
        [
            text(0x9000, b"0232", 7),
            (0x829A, 5, 1, struct.pack("<LL", 1, 250)),
            text(0x9003, b"2024:05:06 07:08:09\0"),
            text(0xA434, b"LENS-MODEL\0"),
            text(0x927C, b"MAKER-NOTE with serial numbers", 7),
            text(0x9286, b"ASCII\0\0\0USER-COMMENT", 7),
            text(0xA431, b"SERIAL-NUMBER\0"),
            text(0xFDE8, b"UNKNOWN-TAG\0"),
            long(0xA002, 4000),
        ],
    )
    place = directory(gps_at, [text(0x1B, b"GPS-PLACE\0"), text(1, b"N\0")])
    preview = b"\xff\xd8\xffPREVIEW\xff\xd9"
    thumbnail = directory(preview_at, [long(0x0201, 3500), long(0x0202, len(preview))])
    main = directory(
        main_at,
        [
            text(0x010F, b"CAMERA-MAKER\0"),
            text(0x010E, b"AT-HOME in Paris\0"),
            text(0x8298, b"COPYRIGHT-HOLDER\0"),
            text(0x02BC, b"<x:xmpmeta>XMP-PACKET</x:xmpmeta>", 1),
            (0x0112, 3, 1, struct.pack("<H", 6)),
            long(0x8769, exif_at),
            long(0x8825, gps_at),
        ],
        after=preview_at,
    )
    block = bytearray(3500 + len(preview))
    block[:8] = b"II*\0" + struct.pack("<L", main_at)
    for at, part in (
        (main_at, main),
        (exif_at, camera),
        (gps_at, place),
        (preview_at, thumbnail),
        (3500, preview),
    ):
        block[at : at + len(part)] = part
    return b"Exif\0\0" + bytes(block)
