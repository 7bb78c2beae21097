"""What ``--keep-metadata`` may keep of a photo's EXIF block.

What is kept is listed here and everything else goes, so that a tag nobody thought of cannot carry
the place, the maker's notes or a small picture of the unveiled face. Values are copied byte for
byte in the camera's own byte order. Source: CIPA DC-008 (Exif 3.0) and TIFF 6.0, section 2.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

_PREFIX = b"Exif\0\0"
_EXIF_IFD = 0x8769
_LONG = 4
_MAX_BYTES = 65_533  # what one JPEG segment holds
_TYPE_BYTES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 129: 1}

_MAIN_TAGS = frozenset(
    {
        *(0x010F, 0x0110),  # camera make and model
        *(0x011A, 0x011B, 0x0128),  # print resolution
        *(0x0131, 0x0132, 0x013B),  # software, date, artist
        *(0x4746, 0x4749, 0x8298),  # rating, rating in percent, copyright
    }
)
_CAMERA_TAGS = frozenset(
    {
        *(0x829A, 0x829D),  # exposure time, f-number
        *(0x8822, 0x8824, 0x8827, 0x8828, 0x882A, *range(0x8830, 0x8836)),  # programme, ISO
        *(0x9000, 0x9003, 0x9004, 0x9010, 0x9011, 0x9012),  # version, dates, time zones
        *(0x9101, 0x9102, *range(0x9201, 0x920B)),  # shutter, aperture, light, flash, focal length
        *(0x9290, 0x9291, 0x9292),  # fractions of the seconds
        *range(0x9400, 0x9406),  # weather
        *(0xA000, 0xA001),  # FlashPix version, colour space
        *(0xA20B, 0xA20C, 0xA20E, 0xA20F, 0xA210, 0xA215, 0xA217),  # sensor
        *(0xA300, 0xA301, 0xA302, *range(0xA401, 0xA40D), 0xA420),  # scene and processing
        *(0xA432, 0xA433, 0xA434),  # lens: its range, maker and model
        *(0xA460, 0xA461, 0xA462, 0xA500),  # composite image, gamma
    }
)
"""Besides places, notes and previews, what somebody may have written is left out (titles, comments
and keywords name places and people), and owners and serial numbers are; so are sizes (0xA002,
0xA003) and subject coordinates (0x9214, 0xA214): they describe the picture before it was turned
upright."""


class _Entry(NamedTuple):
    tag: int
    kind: int
    n_values: int
    value: bytes


def clean(exif: bytes) -> bytes | None:
    """The harmless part of an EXIF block (or of a whole TIFF file), ready to be written.

    Orientation is absent from the result, which means upright. Entries that point outside the
    block or are of an unknown type are left out.

    Args:
        exif: the block, with or without its ``Exif\\0\\0`` prefix.

    Returns:
        The new block with its prefix; None if nothing is left or ``exif`` cannot be read.
    """
    block = exif.removeprefix(_PREFIX)
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4])
    if order is None or len(block) < 8:
        return None
    (main_at,) = struct.unpack_from(order + "L", block, 4)
    main = _read(block, order, main_at, _MAIN_TAGS | {_EXIF_IFD})
    pointer = main.pop(_EXIF_IFD, None)
    camera: dict[int, _Entry] = {}
    if pointer is not None and (pointer.kind, pointer.n_values) == (_LONG, 1):
        (camera_at,) = struct.unpack(order + "L", pointer.value)
        camera = _read(block, order, camera_at, _CAMERA_TAGS)
    packed = _pack_both(main, camera, order)
    kept = _PREFIX + block[:4] + struct.pack(order + "L", 8) + packed
    return kept if packed and len(kept) <= _MAX_BYTES else None


def _read(block: bytes, order: str, at: int, wanted: frozenset[int]) -> dict[int, _Entry]:
    """The readable entries of the directory at ``at``; the first of each wanted tag counts."""
    entries: dict[int, _Entry] = {}
    if at + 2 > len(block):
        return entries
    (n_rows,) = struct.unpack_from(order + "H", block, at)
    for row in range(at + 2, min(at + 2 + 12 * n_rows, len(block) - 11), 12):
        tag, kind, n_values, offset = struct.unpack_from(order + "HHLL", block, row)
        size = _TYPE_BYTES.get(kind, 0) * n_values
        start = row + 8 if size <= 4 else offset
        if tag in wanted and 0 < size <= min(_MAX_BYTES, len(block) - start):
            entries.setdefault(tag, _Entry(tag, kind, n_values, block[start : start + size]))
    return entries


def _pack_both(main: dict[int, _Entry], camera: dict[int, _Entry], order: str) -> bytes:
    """The main directory and, where there is one, the camera's, for a block whose header is 8."""
    if not camera:
        return _pack([*main.values()], order, 8) if main else b""
    camera_at = 8 + len(_pack([*main.values(), _Entry(_EXIF_IFD, _LONG, 1, bytes(4))], order, 8))
    pointer = _Entry(_EXIF_IFD, _LONG, 1, struct.pack(order + "L", camera_at))
    return _pack([*main.values(), pointer], order, 8) + _pack([*camera.values()], order, camera_at)


def _pack(entries: list[_Entry], order: str, at: int) -> bytes:
    """A directory to be placed at ``at``: its table, no next directory, then the long values."""
    values_at = at + 2 + 12 * len(entries) + 4
    table, values = struct.pack(order + "H", len(entries)), b""
    for entry in sorted(entries):
        table += struct.pack(order + "HHL", entry.tag, entry.kind, entry.n_values)
        if len(entry.value) <= 4:
            table += entry.value.ljust(4, b"\0")
        else:
            table += struct.pack(order + "L", values_at + len(values))
            values += entry.value + bytes(len(entry.value) % 2)  # values start on even offsets
    return table + bytes(4) + values
