"""Only what is listed is kept, and no input, however hostile, gets past the list."""

from __future__ import annotations

import struct

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from PIL import Image

from faceveil.io import metadata


def parsed(block: bytes) -> tuple[dict[int, object], dict[int, object]]:
    exif = Image.Exif()
    exif.load(block)
    return dict(exif), exif.get_ifd(0x8769)


def test_the_camera_is_kept_exactly(telling_exif: bytes) -> None:
    kept = metadata.clean(telling_exif)
    assert kept is not None
    main, camera = parsed(kept)
    assert main[0x010F] == "CAMERA-MAKER"
    assert main[0x8298] == "COPYRIGHT-HOLDER"
    assert set(main) == {0x010F, 0x8298, 0x8769}
    assert camera == {
        0x829A: pytest.approx(1 / 250),
        0x9000: b"0232",
        0x9003: "2024:05:06 07:08:09",
        0xA434: "LENS-MODEL",
    }


@pytest.mark.parametrize(
    "word",
    [
        b"GPS",
        b"MAKER-NOTE",
        b"PREVIEW",
        b"UNKNOWN-TAG",
        b"XMP",
        b"USER-COMMENT",
        b"SERIAL",
        b"AT-HOME",
    ],
)
def test_the_rest_is_gone(telling_exif: bytes, word: bytes) -> None:
    assert word in telling_exif
    assert word not in (metadata.clean(telling_exif) or b"")


def test_cleaning_twice_changes_nothing(telling_exif: bytes) -> None:
    once = metadata.clean(telling_exif)
    assert once is not None
    assert metadata.clean(once) == once
    assert metadata.clean(telling_exif.removeprefix(b"Exif\0\0")) == once


def test_big_endian_blocks_stay_so() -> None:
    table = struct.pack(">HHHL4s", 1, 0x010F, 2, 4, b"abc\0") + bytes(4)
    block = b"Exif\0\0MM\0*" + struct.pack(">L", 8) + table
    assert metadata.clean(block) == block


@pytest.mark.parametrize(
    "block",
    [
        b"",
        b"Exif\0\0",
        b"II*\0",
        b"II*\0\xff\xff\xff\xff",
        b"II*\0\x08\0\0\0\xff\xff",
        b"not exif at all",
        b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHLL", 0x010F, 2, 100, 90),
        b"II*\0\x08\0\0\0\x01\0" + struct.pack("<HHLL", 0x010F, 77, 1, 0),
    ],
)
def test_unreadable_blocks_leave_nothing(block: bytes) -> None:
    assert metadata.clean(block) is None


def test_a_directory_that_is_its_own_child_ends() -> None:
    table = struct.pack("<HHHLL", 1, 0x8769, 4, 1, 8) + bytes(4)
    assert metadata.clean(b"II*\0\x08\0\0\0" + table) is None


def test_many_names_for_one_large_value_do_not_add_up() -> None:
    size = 60_000
    tags = [0x013B, 0x010F, 0x0110, 0x0131]
    rows = b"".join(struct.pack("<HHLL", tag, 2, size, 100) for tag in tags)
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags)) + rows + bytes(4)
    assert metadata.clean(block.ljust(100, b"\0") + b"a" * size) is None


@given(st.binary(max_size=300))
@example(b"II*\0\x08\0\0\0\xff\xff" + bytes(40))
def test_any_bytes_at_all(noise: bytes) -> None:
    for header in (b"", b"II*\0\x08\0\0\0", b"MM\0*\0\0\0\x08"):
        kept = metadata.clean(header + noise)
        assert kept is None or metadata.clean(kept) == kept
