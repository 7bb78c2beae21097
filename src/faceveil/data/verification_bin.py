"""InsightFace's verification sets: one ``.bin`` file, a pickle of pictures and of who is who.

It holds ``([picture, picture, ...], [same, ...])``: each picture the bytes of a JPEG or PNG, the
pictures of pair i at 2 i and 2 i + 1, cut out and aligned at 112 px. Python 2, Python 3 and numpy
have all written such files. A pickle may ask for any code to be run, so nothing it names is: the
few names these files need are answered by stand-ins, and any other is refused.
"""

from __future__ import annotations

import pickle
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from faceveil.core.errors import UsageError
from faceveil.data.pictures import Pair, Pairs, Picture
from faceveil.io.photo import decode

N_FOLDS = 10


def open_bin(path: Path) -> Pairs:
    """The pairs in a ``.bin`` file; its tenths, in the order of the file, are the folds.

    The file is kept in memory whole; a picture is decoded when it is read.

    Raises:
        UsageError: the file cannot be read, is no such set, or asks for code to be run.
    """
    try:
        with path.open("rb") as file:
            encoded, same = _contents(_Unpickler(file, path).load())
    except UsageError:
        raise
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror or error}.") from error
    except Exception as error:  # on hostile bytes the unpickler raises almost anything
        raise UsageError(
            f"{path} is no verification set, or is damaged or cut short ({error}): get it again."
        ) from error
    if not same or len(encoded) != 2 * len(same):
        raise UsageError(
            f"{path} holds {len(encoded)} pictures and {len(same)} answers, not two pictures for "
            "each answer: get it again."
        )
    pictures = [
        Picture(f"{i:05d}", "", partial(decode, data, f"{path}, picture {i}"))
        for i, data in enumerate(encoded)
    ]
    pairs = [Pair(2 * i, 2 * i + 1, each, i * N_FOLDS // len(same)) for i, each in enumerate(same)]
    return Pairs(path.stem, pictures, pairs, "aligned")


def _contents(loaded: Any) -> tuple[list[bytes], list[bool]]:
    pictures, answers = loaded
    encoded = [each.data if isinstance(each, _Array) else each for each in pictures]
    if not all(isinstance(each, bytes) for each in encoded):
        raise TypeError("a picture is not the bytes of a file")
    same = list(answers.data if isinstance(answers, _Array) else answers)
    if not all(isinstance(each, int) for each in same):
        raise TypeError("an answer is neither true nor false")
    return encoded, [bool(each) for each in same]


class _Array:
    """Stands in for a numpy array of one-byte numbers, of which only the bytes matter."""

    data: bytes

    def __init__(self, *_: object):  # numpy makes an empty array first, whatever it will hold
        pass

    def __setstate__(self, state: tuple[object, object, _Type, object, bytes]) -> None:
        _version, _shape, _type, _order, self.data = state


class _Type:
    """Stands in for a numpy dtype; bytes and booleans are all a set needs."""

    def __init__(self, code: str | bytes, *_: object):
        if code not in ("u1", b"u1", "b1", b"b1"):
            raise TypeError(f"it holds an array of type {code!r}")

    def __setstate__(self, state: object) -> None:
        """Byte order and fields, which these types do not have."""


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, path: Path):
        super().__init__(file, encoding="bytes")  # Python 2 kept bytes in what are strings now
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in for ``module.name``; a function is made anew, for a pickle can alter it."""
        match module.replace("numpy._core", "numpy.core"), name:
            case ("numpy", "ndarray") | ("numpy.core.multiarray", "_reconstruct"):
                return _Array
            case "numpy", "dtype":
                return _Type
            case "numpy.core.multiarray", "scalar":
                return lambda _type, data: data[0]
            case "numpy.core.numeric", "_frombuffer":
                return lambda data, _type, _shape, _order: bytes(data)
            case "_codecs", "encode":  # how Python 3 writes bytes for Python 2 to read
                return lambda text, _encoding: text.encode("latin-1")
        raise UsageError(
            f"{self._path} asks for {module}.{name} to be run, which no verification set needs: "
            "do not use this file."
        )
