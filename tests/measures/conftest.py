"""Public-domain pictures and what may happen to them, as 8-bit arrays ``h w 3``."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy import ndimage
from skimage.data import astronaut, camera

Pixels = NDArray[np.uint8]

PICTURES: dict[str, Callable[[], Pixels]] = {
    "portrait": lambda: astronaut()[:225, 100:341],
    "face": lambda: astronaut()[60:121, 185:260],
    "grey": lambda: np.repeat(camera()[100:228, 200:297, None], 3, axis=2),
}


def noisy(pixels: Pixels, steps: int) -> Pixels:
    noise = np.random.default_rng(0).integers(-steps, steps + 1, pixels.shape)
    return (pixels + noise).clip(0, 255).astype(np.uint8)


def blurred(pixels: Pixels, sigma_px: float) -> Pixels:
    return ndimage.gaussian_filter(pixels, (sigma_px, sigma_px, 0))


def compressed(pixels: Pixels, quality: int) -> Pixels:
    stream = BytesIO()
    Image.fromarray(pixels).save(stream, "JPEG", quality=quality)
    return np.array(Image.open(stream))


DAMAGES: dict[str, Callable[[Pixels], Pixels]] = {
    "none": lambda pixels: pixels,
    "noise 4": lambda pixels: noisy(pixels, 4),
    "noise 8": lambda pixels: noisy(pixels, 8),
    "noise 16": lambda pixels: noisy(pixels, 16),
    "blur 1": lambda pixels: blurred(pixels, 1),
    "blur 4": lambda pixels: blurred(pixels, 4),
    "JPEG 75": lambda pixels: compressed(pixels, 75),
    "JPEG 10": lambda pixels: compressed(pixels, 10),
}


@pytest.fixture(params=PICTURES)
def original(request: pytest.FixtureRequest) -> Pixels:
    return np.ascontiguousarray(PICTURES[request.param]())


@pytest.fixture(params=DAMAGES)
def damaged(request: pytest.FixtureRequest, original: Pixels) -> Pixels:
    return DAMAGES[request.param](original)


@pytest.fixture(scope="session")
def face() -> torch.Tensor:
    """The astronaut's face as a batch of one."""
    return torch.from_numpy(PICTURES["face"]().copy()).permute(2, 0, 1)[None] / 255


@pytest.fixture(scope="session")
def batch() -> Callable[[Pixels], torch.Tensor]:
    """Turns pixels into a batch of one."""
    return lambda pixels: torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255


@pytest.fixture(params=["face", "black", "white", "grey"])
def plain(request: pytest.FixtureRequest, face: torch.Tensor) -> torch.Tensor:
    """Pictures on which roots, absolute values and hues have their corners."""
    flat = {"black": 0.0, "white": 1.0, "grey": 0.5}
    return torch.full_like(face, flat[request.param]) if request.param in flat else face
