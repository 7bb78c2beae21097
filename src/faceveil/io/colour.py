"""From the many ways files store colour to 8-bit RGB, and what is lost on the way."""

from __future__ import annotations

from io import BytesIO
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms

Pixels = npt.NDArray[np.uint8]

_GREY_MODES = frozenset({"1", "L", "LA", "La", "I;16", "I;16B", "I;16L"})
MODES = _GREY_MODES | {"P", "PA", "RGB", "RGBA", "RGBa", "YCbCr", "CMYK"}
"""The Pillow modes that ``to_rgb`` takes."""


class Rgb(NamedTuple):
    """Pixels (h w 3), transparency (h w) if any, the profile they are in, and sentences."""

    pixels: Pixels
    alpha: Pixels | None
    icc: bytes | None
    notes: tuple[str, ...]


def to_rgb(image: Image.Image) -> Rgb:
    """A decoded picture of one of ``MODES`` as 8-bit RGB.

    A colour profile stays with the pixels it describes; CMYK is taken through its own to sRGB.
    """
    icc, notes = _profile(image)
    if _has_unusual_colours(image):
        notes += ("It tags its colours without a profile, so they may come out different.",)
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    elif image.mode == "La":
        image = image.convert("LA")
    elif image.mode == "CMYK":
        image, note = _cmyk_to_rgb(image, icc)
        icc, notes = None, (*notes, note)
    elif image.mode == "1":
        notes += ("It was pure black and white and became 8-bit grey.",)
    elif image.mode in {"P", "PA"}:
        notes += ("It had a palette and became full colour.",)
    if image.has_transparency_data:
        rgba = np.asarray(image.convert("RGBA"))
        alpha = np.ascontiguousarray(rgba[..., 3])
        return Rgb(np.ascontiguousarray(rgba[..., :3]), alpha, icc, notes)
    return Rgb(np.asarray(image.convert("RGB")), None, icc, notes)


def is_grey(pixels: Pixels) -> bool:
    """Whether red, green and blue are equal in every pixel of an h w 3 picture."""
    red, green, blue = pixels[..., 0], pixels[..., 1], pixels[..., 2]
    return np.array_equal(red, green) and np.array_equal(green, blue)


def settle_grey(pixels: Pixels) -> Pixels:
    """The same pixels, made truly grey if no two channels differ by more than one level.

    Lossy WebP has no grey: its decoder's rounding tints about one pixel in a hundred by one level.
    """
    green = pixels[..., 1:2].astype(np.int16)
    if np.abs(pixels - green).max() > 1:
        return pixels
    return np.repeat(pixels[..., 1:2], 3, axis=2)


def _profile(image: Image.Image) -> tuple[bytes | None, tuple[str, ...]]:
    """The embedded profile if it is one for the picture's own kind of pixels."""
    icc = image.info.get("icc_profile")
    if not isinstance(icc, bytes) or not icc:
        return None, ()
    space = b"GRAY" if image.mode in _GREY_MODES else b"CMYK" if image.mode == "CMYK" else b"RGB "
    if icc[16:20] != space:
        return None, ("Its colour profile is for another kind of pixels and was left out.",)
    return icc, ()


def _has_unusual_colours(image: Image.Image) -> bool:
    """Whether a PNG's gamma or a HEIC's primaries, which are not written back, matter."""
    if "icc_profile" in image.info or "srgb" in image.info:
        return False
    unspecified_or_srgb = {1, 2}
    primaries = image.info.get("nclx_profile", {}).get("color_primaries", 2)
    gamma = image.info.get("gamma", 1 / 2.2)
    return primaries not in unspecified_or_srgb or abs(gamma - 1 / 2.2) > 0.02


def _cmyk_to_rgb(image: Image.Image, icc: bytes | None) -> tuple[Image.Image, str]:
    if icc is None:
        note = "Its CMYK colours became sRGB without a profile, so they may look different."
        return image.convert("RGB"), note
    try:
        rgb = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(BytesIO(icc)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
            outputMode="RGB",
        )
    except (ImageCms.PyCMSError, OSError):
        rgb = None
    if rgb is None:
        note = "Its CMYK colours became sRGB without their profile, which is damaged."
        return image.convert("RGB"), note
    return rgb, "Its CMYK colours became sRGB through their own profile."
