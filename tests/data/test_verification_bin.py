from __future__ import annotations

import contextlib
import os
import pickle
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faceveil.core.errors import PhotoError, UsageError
from faceveil.data.verification_bin import open_bin

SAME = [True, False, False, True]


@pytest.fixture(scope="module")
def encoded(picture_bytes: Callable[..., bytes]) -> list[bytes]:
    return [picture_bytes(shade, ("PNG", "JPEG")[shade % 2]) for shade in range(8)]


def written(path: Path, content: Any, protocol: int = 5) -> Path:
    path.write_bytes(pickle.dumps(content, protocol))
    return path


def arrays(encoded: list[bytes]) -> list[np.ndarray]:
    return [np.frombuffer(each, np.uint8).copy() for each in encoded]


def by_python_2(encoded: list[bytes], *, as_arrays: bool) -> bytes:
    """Protocol 2 as Python 2 and its numpy wrote it: every string is one of bytes."""

    def text(data: bytes) -> bytes:
        return b"T" + struct.pack("<i", len(data)) + data

    def array(data: bytes) -> bytes:
        made = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85U\x01b\x87R"
        minus_one = b"J\xff\xff\xff\xff"
        kind = b"cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R"
        kind += b"(K\x03U\x01|NNN" + 2 * minus_one + b"K\x00tb"
        return (
            made
            + b"(K\x01J"
            + struct.pack("<i", len(data))
            + b"\x85"
            + kind
            + b"\x89"
            + text(data)
            + b"tb"
        )

    pictures = b"".join((array if as_arrays else text)(each) for each in encoded)
    answers = b"".join(b"\x88" if each else b"\x89" for each in SAME)
    return b"\x80\x02](" + pictures + b"e](" + answers + b"e\x86."


def check(path: Path) -> None:
    pairs = open_bin(path)
    assert (pairs.name, pairs.alignment) == ("lfw", "aligned")
    assert [each.read().pixels[0, 0, 0] for each in pairs.pictures] == list(range(8))
    assert [(each.first, each.second) for each in pairs.pairs] == [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert [each.same for each in pairs.pairs] == SAME


@pytest.mark.parametrize("protocol", range(6))
def test_bytes_in_every_protocol(tmp_path: Path, encoded: list[bytes], protocol: int) -> None:
    check(written(tmp_path / "lfw.bin", (encoded, SAME), protocol))


@pytest.mark.parametrize("protocol", range(6))
def test_arrays_in_every_protocol(tmp_path: Path, encoded: list[bytes], protocol: int) -> None:
    check(written(tmp_path / "lfw.bin", (arrays(encoded), SAME), protocol))


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "answers", [np.array(SAME), list(np.array(SAME)), [1, 0, 0, 1], tuple(SAME)]
)
def test_answers_of_every_kind(
    tmp_path: Path, encoded: list[bytes], answers: Any, protocol: int
) -> None:
    check(written(tmp_path / "lfw.bin", [encoded, answers], protocol))


@pytest.mark.parametrize("as_arrays", [False, True])
def test_files_of_python_2(tmp_path: Path, encoded: list[bytes], *, as_arrays: bool) -> None:
    data = by_python_2(encoded, as_arrays=as_arrays)
    pictures, answers = pickle.loads(data, encoding="bytes")  # noqa: S301  how others read them
    assert [bytes(each) for each in pictures] == encoded
    assert answers == SAME
    (tmp_path / "lfw.bin").write_bytes(data)
    check(tmp_path / "lfw.bin")


def test_numpy_1_calls_its_modules_by_other_names(tmp_path: Path, encoded: list[bytes]) -> None:
    data = pickle.dumps((arrays(encoded), SAME), 2).replace(b"numpy._core", b"numpy.core")
    (tmp_path / "lfw.bin").write_bytes(data)
    check(tmp_path / "lfw.bin")


def test_folds_are_tenths_in_order(tmp_path: Path, encoded: list[bytes]) -> None:
    pairs = open_bin(written(tmp_path / "a.bin", (encoded[:2] * 6000, [True] * 6000))).pairs
    assert [each.fold for each in pairs] == [i // 600 for i in range(6000)]


def test_a_picture_is_decoded_when_asked_for_and_not_before(
    tmp_path: Path, encoded: list[bytes]
) -> None:
    pairs = open_bin(written(tmp_path / "a.bin", ([encoded[0], b"GIF89a"], [True])))
    assert pairs.pictures[0].read().grey
    with pytest.raises(PhotoError, match=r"a\.bin, picture 1 is a GIF"):
        pairs.pictures[1].read()


class Hostile:
    """Whose pickle asks for a function to be called."""

    def __init__(self, function: Callable[..., object], *arguments: object):
        self._call = function, arguments

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return self._call


@pytest.mark.parametrize("protocol", range(6))
def test_a_file_that_asks_for_code_to_be_run_is_refused(
    tmp_path: Path, encoded: list[bytes], protocol: int
) -> None:
    trace = tmp_path / "trace"
    hostile = Hostile(os.system, f"touch {trace}")
    path = written(tmp_path / "lfw.bin", ([*encoded, hostile], SAME), protocol)
    with pytest.raises(UsageError, match=rf"asks for {os.name}\.system to be run.* do not use"):
        open_bin(path)
    assert not trace.exists()


@pytest.mark.parametrize(
    "function", [eval, getattr, open, np.fromfile, np.load, pickle.loads, np.array]
)
def test_other_functions_are_refused_too(tmp_path: Path, function: Callable[..., object]) -> None:
    path = written(tmp_path / "lfw.bin", ([Hostile(function, "x")], [True]))
    with pytest.raises(UsageError, match=f"{function.__name__} to be run"):
        open_bin(path)


def test_a_file_cannot_alter_how_later_files_are_read(tmp_path: Path, encoded: list[bytes]) -> None:
    """The opcode BUILD sets attributes of whatever lies on the stack, functions included."""
    state = ({"data": b"x"}, {"data": b"x", "__defaults__": (), "__setstate__": None})
    for name in (b"numpy\nndarray\n", b"numpy\ndtype\n", b"_codecs\nencode\n"):
        (tmp_path / "bad.bin").write_bytes(b"c" + name + pickle.dumps(state, 0)[:-1] + b"b.")
        with pytest.raises(UsageError, match="no verification set"):
            open_bin(tmp_path / "bad.bin")
    check(written(tmp_path / "lfw.bin", (arrays(encoded), SAME), 2))


@pytest.mark.parametrize(
    "data", [b"", b"\x89PNG\r\n\x1a\n", b"these are no pictures", b"\x80\x05N."]
)
def test_what_is_no_pickle_of_a_set_is_refused(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "lfw.bin"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"lfw\.bin is no verification set, or is damaged"):
        open_bin(path)


@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, encoded: list[bytes], share: float) -> None:
    path = written(tmp_path / "lfw.bin", (encoded, SAME))
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    with pytest.raises(UsageError, match="is no verification set, or is damaged or cut short"):
        open_bin(path)


@pytest.mark.parametrize("n_answers", [0, 3, 5, 8])
def test_pictures_and_answers_that_do_not_fit_are_refused(
    tmp_path: Path, encoded: list[bytes], n_answers: int
) -> None:
    path = written(tmp_path / "lfw.bin", (encoded, [True] * n_answers))
    with pytest.raises(UsageError, match=f"holds 8 pictures and {n_answers} answers"):
        open_bin(path)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ((["a", "b"], [True]), "a picture is not the bytes"),
        (([b"a", b"b"], ["yes"]), "neither true nor false"),
        (([np.zeros(3), np.zeros(3)], [True]), "an array of type 'f8'"),
        (([np.array([None]), b""], [True]), "an array of type 'O8'"),
    ],
)
def test_content_of_another_type_is_refused(tmp_path: Path, content: Any, reason: str) -> None:
    with pytest.raises(UsageError, match=reason):
        open_bin(written(tmp_path / "lfw.bin", content))


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"absent\.bin cannot be read: No such file"):
        open_bin(tmp_path / "absent.bin")


@settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(places=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=6))
def test_altered_files_are_read_or_refused_and_nothing_else(
    tmp_path: Path, places: list[tuple[int, int]]
) -> None:
    data = bytearray(pickle.dumps((arrays([b"one", b"two"]), [True]), 2))
    for place, value in places:
        data[place % len(data)] = value
    (tmp_path / "lfw.bin").write_bytes(data)
    with contextlib.suppress(UsageError):
        open_bin(tmp_path / "lfw.bin")
