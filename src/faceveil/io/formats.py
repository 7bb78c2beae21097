"""Which photo formats are read: told by their first bytes, never by the file's name."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from io import BytesIO
from types import MappingProxyType, ModuleType

from PIL import (
    BmpImagePlugin,
    ImageFile,
    JpegImagePlugin,
    PngImagePlugin,
    TiffImagePlugin,
    WebPImagePlugin,
)

from faceveil.core.errors import PhotoError

SUFFIXES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "JPEG": (".jpg", ".jpeg", ".jpe", ".jfif", ".mpo"),
        "PNG": (".png",),
        "WEBP": (".webp",),
        "HEIF": (".heic", ".heif", ".hif"),
        "TIFF": (".tif", ".tiff"),
        "BMP": (".bmp",),
    }
)
"""The file suffixes, in lower case, of each format that is read and written."""
NOT_WRITTEN = (".gif", ".avif", ".jxl", ".pdf", ".svg", ".psd", ".dng", ".mp4", ".mov")
"""Those of pictures and videos that are not, so that none is taken for a folder's name."""

_SIGNATURES = (
    ("JPEG", 0, b"\xff\xd8\xff"),
    ("PNG", 0, b"\x89PNG\r\n\x1a\n"),
    ("WEBP", 8, b"WEBP"),
    ("TIFF", 0, b"II*\0"),
    ("TIFF", 0, b"MM\0*"),
    ("BMP", 0, b"BM"),
    *(("HEIF", 4, b"ftyp" + brand) for brand in (b"heic", b"heix", b"heim", b"heis", b"mif1")),
)
_REFUSED = (
    ("a GIF", 0, b"GIF8"),
    ("an AVIF", 4, b"ftypavif"),
    ("an animated AVIF", 4, b"ftypavis"),
    ("an image sequence", 4, b"ftypmsf1"),
    ("an image sequence", 4, b"ftyphevc"),
    ("a PDF", 0, b"%PDF"),
    ("a Photoshop file", 0, b"8BPS"),
    ("an SVG drawing", 0, b"<svg"),
)

_warnings_lock = threading.Lock()


@contextmanager
def quiet() -> Iterator[None]:
    """Keep Pillow's remarks on odd metadata from the user, one thread at a time.

    The warning filters belong to the whole process, so two threads must not swap them at once.
    """
    with _warnings_lock, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def of_suffix(suffix: str) -> str | None:
    """The format that a file suffix such as ``.JPG`` promises; None for any other suffix."""
    return next((kind for kind, known in SUFFIXES.items() if suffix.lower() in known), None)


def sniff(data: bytes, name: str) -> str:
    """The format of a file's bytes, a key of ``SUFFIXES``.

    Raises:
        PhotoError: the bytes are empty or of no format that can be read and written back.
    """
    if not data:
        raise PhotoError(f"{name} is empty (0 bytes): copy it again from where it came.")
    for kind, offset, magic in _SIGNATURES:
        if data.startswith(magic, offset):
            return kind
    for what, offset, magic in _REFUSED:
        if data.startswith(magic, offset):
            raise PhotoError(
                f"{name} is {what}, which faceveil does not write: veil a PNG or JPEG export of it."
            )
    raise PhotoError(
        f"{name} is no photo faceveil can read: give it a JPEG, PNG, WebP, HEIC, TIFF or BMP file."
    )


def open_image(data: bytes, kind: str, name: str) -> ImageFile.ImageFile:
    """The header of a photo, by the one decoder of its format; no pixels are decoded yet.

    ``Image.open`` is not used: it would try further decoders, and its own limit on pixels is below
    what phones now take. Damaged bytes raise whatever Pillow raises; ``photo.decode`` turns that
    into a sentence.

    Raises:
        PhotoError: the file is HEIF and ``pillow-heif`` is not installed.
    """
    stream = BytesIO(data)
    match kind:
        case "JPEG":
            return JpegImagePlugin.jpeg_factory(stream)
        case "PNG":
            return PngImagePlugin.PngImageFile(stream)
        case "WEBP":
            return WebPImagePlugin.WebPImageFile(stream)
        case "TIFF":
            return TiffImagePlugin.TiffImageFile(stream)
        case "BMP":
            return BmpImagePlugin.BmpImageFile(stream)
        case "HEIF":
            image: ImageFile.ImageFile = heif(name).HeifImageFile(stream)
            return image
    raise ValueError(f"no decoder for {kind}")


def heif(name: str) -> ModuleType:
    """The optional ``pillow_heif``, needed for the photo ``name``.

    Raises:
        PhotoError: it is not installed.
    """
    try:
        import pillow_heif
    except ImportError as error:
        raise PhotoError(
            f'{name} is a HEIC photo, which needs an extra: pip install "faceveil[heif]".'
        ) from error
    module: ModuleType = pillow_heif
    return module


def is_lossless(data: bytes, kind: str) -> bool:
    """Whether the file codes its pixels exactly (a JPEG inside a TIFF is not looked for)."""
    if kind != "WEBP":
        return kind in {"PNG", "TIFF", "BMP"}
    at = 12  # RIFF header, then chunks: four letters, little-endian length, body padded to even
    while at + 8 <= len(data) and data[at : at + 4] not in {b"VP8 ", b"VP8L"}:
        length = int.from_bytes(data[at + 4 : at + 8], "little")
        at += 8 + length + length % 2
    return data[at : at + 4] == b"VP8L"
