"""Photos in: a file's bytes become upright 8-bit RGB pixels, and what must be said about that."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from PIL import Image, ImageFile, TiffImagePlugin

from faceveil.core.errors import PhotoError
from faceveil.core.seeds import content_hash
from faceveil.io import colour, formats, metadata

LIMIT_PX = 200_000_000
"""The most pixels a photo may have unless the caller says otherwise: what phones take at most."""

_ORIENTATION_TAG = 0x0112
_SUBFILE_TAG, _DNG_TAG = 0x00FE, 0xC612
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


@dataclass(frozen=True, eq=False)
class Photo:
    """One photo as people see it, and what is needed to write it back in its own format.

    Attributes:
        pixels: uint8, h w 3, RGB in the colours of ``icc``, turned upright, read-only.
        alpha: uint8, h w, 255 is opaque, read-only; None for a photo without transparency.
        grey: red, green and blue are equal in every pixel.
        format: a key of ``formats.SUFFIXES``.
        lossless: the file codes its pixels exactly.
        icc: the colour profile the pixels are in; None means sRGB.
        exif: what ``--keep-metadata`` may write back, already without place, maker notes,
            preview and orientation (see ``metadata``); None if there is nothing.
        sha256: of the file's bytes, in hexadecimal.
        notes: sentences about what reading the file lost.
        name: what messages call the photo.
    """

    pixels: colour.Pixels
    alpha: colour.Pixels | None
    grey: bool
    format: str
    lossless: bool
    icc: bytes | None
    exif: bytes | None
    sha256: str
    notes: tuple[str, ...]
    name: str


def read(path: str | Path, *, limit_px: int = LIMIT_PX) -> Photo:
    """The photo in a file.

    Raises:
        PhotoError: the file cannot be read, or ``decode`` refuses its bytes.
    """
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise PhotoError(f"{path} is not a file: name a photo.")
        data = path.read_bytes()
    except OSError as error:
        raise PhotoError(f"{path} cannot be read: {error.strerror or error}.") from error
    return decode(data, str(path), limit_px=limit_px)


def decode(data: bytes, name: str, *, limit_px: int = LIMIT_PX) -> Photo:
    """The photo in a file's bytes.

    Args:
        data: the whole file.
        name: what messages call it; its suffix is only compared with what the bytes are.
        limit_px: a photo with more pixels is refused before memory is taken for them.

    Raises:
        PhotoError: the bytes are no photo, damaged, cut short, animated, too large, or hold
            pixels that cannot be written back in the same format.
    """
    kind = formats.sniff(data, name)
    notes = _misnamed(name, kind)
    try:
        with formats.quiet():
            image = formats.open_image(data, kind, name)
            notes += _inspect(image, kind, name, limit_px)
            image.load()
            exif = data if kind == "TIFF" else image.info.get("exif")
            rgb = colour.to_rgb(_turn(image))
    except PhotoError:
        raise
    except (Image.DecompressionBombError, MemoryError) as error:
        raise PhotoError(f"{name} is too large for memory: make it smaller first.") from error
    except Exception as error:  # on hostile bytes Pillow raises almost anything
        reason = " ".join(str(error).split())
        raise PhotoError(
            f"{name} is damaged or cut short ({reason}): copy it again from where it came."
        ) from error
    if rgb.alpha is not None and kind == "BMP":
        raise PhotoError(
            f"{name} is a BMP with transparency, which cannot be written back: save it as PNG."
        )
    lossless = formats.is_lossless(data, kind)
    pixels = colour.settle_grey(rgb.pixels) if kind == "WEBP" and not lossless else rgb.pixels
    for array in (pixels, rgb.alpha):
        if array is not None:
            array.setflags(write=False)
    return Photo(
        pixels=pixels,
        alpha=rgb.alpha,
        grey=colour.is_grey(pixels),
        format=kind,
        lossless=lossless,
        icc=rgb.icc,
        exif=metadata.clean(exif) if isinstance(exif, bytes) else None,
        sha256=content_hash(data),
        notes=(*notes, *rgb.notes),
        name=name,
    )


def _misnamed(name: str, kind: str) -> tuple[str, ...]:
    promised = formats.of_suffix(Path(name).suffix)
    if promised in {None, kind}:
        return ()
    return (f"It is named like a {promised} but is a {kind}, and stays one.",)


def _inspect(image: ImageFile.ImageFile, kind: str, name: str, limit_px: int) -> tuple[str, ...]:
    """Refuses what the header already rules out; says what decoding will lose."""
    width, height = image.size
    if width * height > limit_px:
        raise PhotoError(
            f"{name} has {width} x {height} pixels, more than the limit of "
            f"{limit_px / 1e6:g} million: make it smaller first."
        )
    notes: list[str] = []
    if isinstance(image, TiffImagePlugin.TiffImageFile) and (
        _DNG_TAG in image.tag_v2 or image.tag_v2.get(_SUBFILE_TAG, 0) & 1
    ):
        raise PhotoError(f"{name} is a camera raw file: veil a JPEG or TIFF export of it.")
    if getattr(image, "is_animated", False):
        if kind not in {"JPEG", "HEIF"}:
            raise PhotoError(
                f"{name} is animated or has several pages: veil a PNG or JPEG export of each."
            )
        notes.append("It holds several pictures: only the main one is veiled and written.")
    coding = str(image.tile)
    deep = ";16" in coding and kind != "BMP"  # there, 16 bits are those of a whole pixel
    if "transparency" in image.info and any(raw in coding for raw in (";16", "L;2", "L;4")):
        raise PhotoError(  # Pillow would compare that colour with pixels it has already rescaled
            f"{name} marks one colour of its own depth as transparent, which 8 bits cannot keep: "
            "save it with an alpha channel."
        )
    if deep or image.info.get("bit_depth", 8) > 8:
        notes.append("It had more than 8 bits per channel and became 8-bit.")
    if image.mode not in colour.MODES or ";12" in coding:
        raise PhotoError(
            f"{name} stores its pixels in an unusual way ({image.mode}): save it as 8-bit RGB."
        )
    return tuple(notes)


def _turn(image: Image.Image) -> Image.Image:
    """The picture turned the way its EXIF orientation asks (TIFF and HEIF arrive upright)."""
    orientation = image.getexif().get(_ORIENTATION_TAG)
    method = _UPRIGHT.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)
