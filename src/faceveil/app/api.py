"""The Python way in: one call, and what goes in comes out veiled in the same form."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any, TypeVar, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceveil.app import album
from faceveil.app.protect import Protector
from faceveil.app.settings import Settings
from faceveil.core.errors import FaceveilError, NoFaceError, PhotoError, UsageError
from faceveil.io.photo import decode

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
            returned), a file's bytes, a Pillow image, or uint8 pixels ``h w 3`` or ``h w``.
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
    if image.mode not in ("L", "LA", "RGB", "RGBA"):
        raise PhotoError(f"the image has mode {image.mode}: convert it to RGB first.")
    veiled = Image.fromarray(_pixels(_png(image), protector)).convert(image.mode)
    if image.mode.endswith("A"):
        veiled.putalpha(image.getchannel("A"))
    return veiled


def _veiled_array(pixels: NDArray[np.uint8], protector: Protector) -> NDArray[np.uint8]:
    is_photo = pixels.ndim in (2, 3) and pixels.shape[2:] in ((), (3,)) and pixels.size > 0
    if pixels.dtype != np.uint8 or not is_photo:
        raise PhotoError(
            f"the array must be uint8 with shape h w 3 or h w, not {pixels.dtype} {pixels.shape}."
        )
    veiled = _pixels(_png(Image.fromarray(pixels)), protector)
    return veiled[..., 0] if pixels.ndim == 2 else veiled


def _pixels(data: bytes, protector: Protector) -> NDArray[np.uint8]:
    return protector(decode(data, "the image")).photo.pixels.copy()


def _png(image: Image.Image) -> bytes:
    stream = BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()
