"""RecordIO files written by hand from the format's description, whole, cut in parts, and broken."""

from __future__ import annotations

import pickle
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from faceveil.core.errors import PhotoError, UsageError
from faceveil.data.open import open_pictures
from faceveil.data.record_io import open_records, read_record

MAGIC = b"\x0a\x23\xd7\xce"


def packed(labels: float | Sequence[float], data: bytes) -> bytes:
    """MXNet's IRHeader, then the data."""
    if isinstance(labels, float):
        return struct.pack("<IfQQ", 0, labels, 7, 0) + data
    many = struct.pack(f"<{len(labels)}f", *labels)
    return struct.pack("<IfQQ", len(labels), 0.0, 7, 0) + many + data


def framed(data: bytes, part: int = 0) -> bytes:
    return MAGIC + struct.pack("<I", part << 29 | len(data)) + data + bytes(-len(data) % 4)


def write(path: Path, records: dict[int, bytes]) -> Path:
    """Both files, records framed."""
    data, index = b"", ""
    for key, record in records.items():
        index += f"{key}\t{len(data)}\n"
        data += record
    path.write_bytes(data)
    path.with_suffix(".idx").write_text(index)
    return path


@pytest.fixture
def insightface(tmp_path: Path, picture_bytes: Callable[..., bytes]) -> Path:
    """Three photos of two people, and the records that say so: 0, and one for each person."""
    photos = {
        1: framed(packed([4.0, 0.0], picture_bytes(10))),
        2: framed(packed([4.0, 0.0], picture_bytes(11, "JPEG"))),
        3: framed(packed(0.0, picture_bytes(12))),
    }
    about = {0: framed(packed([4.0, 6.0], b""))}
    people = {4: framed(packed([1.0, 3.0], b"")), 5: framed(packed([3.0, 4.0], b""))}
    return write(tmp_path / "train.rec", about | photos | people)


def test_photos_by_person_and_nothing_else(insightface: Path) -> None:
    pictures = open_pictures(insightface)
    assert pictures.name == "train"
    assert pictures.people == ("0", "4")
    assert [each.name for each in pictures] == ["0/3", "4/1", "4/2"]
    assert [each.read().pixels[0, 0, 0] for each in pictures] == [12, 10, 11]


def test_without_a_record_0_every_record_is_a_photo(
    tmp_path: Path, picture_bytes: Callable[..., bytes]
) -> None:
    records = {key: framed(packed(float(key % 2), picture_bytes(key))) for key in range(4)}
    pictures = open_records(write(tmp_path / "plain.rec", records))
    assert [each.name for each in pictures] == ["0/0", "0/2", "1/1", "1/3"]


@pytest.mark.parametrize("label", [3.0, [3.0, 1.0]])
def test_a_record_that_holds_the_magic_is_put_together_again(
    tmp_path: Path, label: float | list[float]
) -> None:
    parts = [packed(label, b"abcd"), b"efghijkl", b"mn"]
    cut = b"".join(framed(data, part) for data, part in zip(parts, (1, 2, 3), strict=True))
    path = write(tmp_path / "cut.rec", {1: framed(packed(9.0, b"x")), 2: cut})
    with path.open("rb") as file:
        record = read_record(file, len(framed(packed(9.0, b"x"))), path)
    assert record.data == b"abcd" + MAGIC + b"efghijkl" + MAGIC + b"mn"
    assert open_records(path).people == ("3", "9")


def test_a_record_cut_within_its_labels(tmp_path: Path) -> None:
    record = packed(3.0, b"abcd")
    path = write(tmp_path / "cut.rec", {1: framed(record[:4], 1) + framed(record[8:], 3)})
    struck = record[:4] + MAGIC + record[8:]
    with path.open("rb") as file:
        assert read_record(file, 0, path).labels == (struct.unpack("<f", struck[4:8])[0],)


def test_a_picture_travels_to_other_processes(insightface: Path) -> None:
    first = next(iter(open_records(insightface)))
    there = pickle.loads(pickle.dumps(first))  # noqa: S301  what was pickled a line ago
    assert there.read().pixels[0, 0, 0] == 12


def test_a_damaged_photo_is_named_and_leaves_the_others(
    tmp_path: Path, picture_bytes: Callable[..., bytes]
) -> None:
    whole = framed(packed(0.0, picture_bytes(5)))
    path = write(tmp_path / "a.rec", {1: framed(packed(0.0, b"no photo")), 2: whole})
    broken, right = open_records(path)
    with pytest.raises(PhotoError, match=r"a\.rec, record 1"):
        broken.read()
    assert right.read().pixels[0, 0, 0] == 5
    path.write_bytes(path.read_bytes()[:-40])
    with pytest.raises(PhotoError, match="cut short"):
        right.read()


@pytest.mark.parametrize(
    ("data", "index", "said"),
    [
        (b"", None, r"a\.idx cannot be read .* needs its \.idx file beside it"),
        (b"", "1 2 3\n", r"a\.idx is no index"),
        (b"", "one\t0\n", r"a\.idx is no index"),
        (b"", "", r"a\.rec holds no photos"),
        (b"nothing of the kind", "1\t0\n", r"a\.rec is no RecordIO file"),
        (framed(packed(0.0, b"x"))[:20], "1\t0\n", "cut short"),
        (framed(packed(0.0, b"x")), "1\t4\n", "of another"),
        (framed(b"short"), "1\t0\n", "damaged"),
        (framed(packed(float("nan"), b"x")), "1\t0\n", "damaged"),
        (framed(packed([float("inf"), 2.0], b"x")), "0\t0\n", "damaged"),
        (framed(packed(0.0, b"x")), f"1\t{2**64}\n", "no place in a file"),
        (framed(packed(0.0, b"x")), "1\t-4\n", "no place in a file"),
    ],
)
def test_what_is_no_such_file_is_told(
    tmp_path: Path, data: bytes, index: str | None, said: str
) -> None:
    path = tmp_path / "a.rec"
    path.write_bytes(data)
    if index is not None:
        path.with_suffix(".idx").write_text(index)
    with pytest.raises(UsageError, match=said):
        open_pictures(path)
