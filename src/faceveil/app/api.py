"""The Python way in: one call, and what goes in comes out veiled in the same form."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from faceveil.app import album
from faceveil.app import trace as tracing
from faceveil.app.protect import Protector
from faceveil.app.settings import Settings
from faceveil.core.errors import FaceveilError, NoFaceError, PhotoError, UsageError
from faceveil.faces.detect import Detector
from faceveil.io.photo import Photo, decode, read

Picture = TypeVar("Picture", str, Path, bytes, Image.Image, NDArray[np.uint8])


def protect(
    image: Picture,
    settings: Settings | Mapping[str, Any] | None = None,
    *,
    protector: Protector | None = None,
    device: str = "auto",
) -> Picture:
    """``image`` with its faces veiled, in the form it came in.

    Args:
        image: a path (``NAME.veiled.EXT`` and its receipt are written beside it, and its path is
            returned), a file's bytes, a Pillow image (one that its EXIF data turns comes back
            turned), or uint8 pixels ``h w 3`` or ``h w``.
        settings: how to veil; a mapping is given to :meth:`Settings.build`, for example
            ``{"method": {"name": "mim", "steps": 20}, "budget": {"eps": 8}}``.
        protector: models loaded before, for many images; its own settings are used.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``, where there is no ``protector``.

    Raises:
        NoFaceError: no face was found.
        PhotoError: the image cannot be read or written.
        UsageError: a setting is unknown or unsuitable.
    """
    if protector is not None and settings is not None:
        raise UsageError("Give faceveil.protect settings or a protector, which has its own.")
    if protector is None:
        if not isinstance(settings, Settings):
            settings = Settings.build(settings or {})
        protector = Protector.load(settings, device=device)
    return cast(Picture, _veiled(image, protector))


def trace(
    image: str | Path | bytes | Image.Image | NDArray[np.uint8],
    owners: Sequence[str] = (),
    *,
    detector: Detector | None = None,
) -> tuple[tracing.Trace, ...]:
    """The marks that the faces in ``image`` wear, see :func:`faceveil.app.trace.trace`.

    Args:
        image: a path, a file's bytes, a Pillow image, or uint8 pixels ``h w 3`` or ``h w``.
        owners: ids of those whose marks are looked for before anybody's.
        detector: loaded before, for many images.

    Raises:
        NoFaceError: no face was found.
        PhotoError: the image cannot be read.
        UsageError: an id is none.
    """
    return tracing.trace(_photo(image), detector or Detector.load(), owners)


def _photo(image: object) -> Photo:
    match image:
        case bytes():
            return decode(image, "the image")
        case Image.Image():
            return decode(_png(_upright(image)), "the image")
        case np.ndarray():
            return decode(_png(_array_image(image)), "the image")
        case str() | Path():
            return read(Path(image))
    raise UsageError(f"This takes a path, bytes, a Pillow image or an array, not {type(image)}.")


def _veiled(image: object, protector: Protector) -> object:
    match image:
        case bytes():
            return protector(decode(image, "the image")).data
        case Image.Image():
            return _veiled_image(image, protector)
        case np.ndarray():
            return _veiled_array(image, protector)
        case str():
            return str(_file(Path(image), protector))
        case Path():
            return _file(image, protector)
    raise UsageError(
        f"faceveil.protect takes a path, bytes, a Pillow image or an array, not {type(image)}."
    )


def _file(path: Path, protector: Protector) -> Path:
    if path.is_dir():
        raise PhotoError(f"{path} is a folder: name a photo, or call protect for each inside.")
    (job,) = album.plan([path], None)
    item = album.run_job(job, protector)
    if item.output is None:
        kind: type[FaceveilError] = NoFaceError if item.status == "no face" else PhotoError
        raise kind(item.message or f"{path}: was not veiled.")
    return item.output


def _veiled_image(image: Image.Image, protector: Protector) -> Image.Image:
    upright = _upright(image)
    veiled = Image.fromarray(_pixels(_png(upright), protector)).convert(image.mode)
    if profile := image.info.get("icc_profile"):
        veiled.info["icc_profile"] = profile
    if image.mode.endswith("A"):
        veiled.putalpha(upright.getchannel("A"))
    return veiled


def _veiled_array(pixels: NDArray[np.uint8], protector: Protector) -> NDArray[np.uint8]:
    veiled = _pixels(_png(_array_image(pixels)), protector)
    return veiled[..., 0] if pixels.ndim == 2 else veiled


def _upright(image: Image.Image) -> Image.Image:
    """The image the way up that its EXIF data says, which PNG files would not keep."""
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        raise PhotoError(f"the image has mode {image.mode}: convert it to RGB first.")
    return ImageOps.exif_transpose(image)


def _array_image(pixels: NDArray[np.uint8]) -> Image.Image:
    is_photo = pixels.ndim in (2, 3) and pixels.shape[2:] in ((), (3,)) and pixels.size > 0
    if pixels.dtype != np.uint8 or not is_photo:
        raise PhotoError(
            f"the array must be uint8 with shape h w 3 or h w, not {pixels.dtype} {pixels.shape}."
        )
    return Image.fromarray(pixels)


def _pixels(data: bytes, protector: Protector) -> NDArray[np.uint8]:
    return protector(decode(data, "the image")).photo.pixels.copy()


def _png(image: Image.Image) -> bytes:
    stream = BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
