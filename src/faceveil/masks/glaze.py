"""Glazes: thin films of pigment on a face's features, and how a reference wears them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.errors import PhotoError, UsageError
from faceveil.faces.detect import Detector
from faceveil.faces.features import Features, features
from faceveil.faces.patch import extract
from faceveil.io.photo import decode

STYLES = Path(__file__).parent / "styles"
"""Made-up faces, drawn by tools/draw_styles.py; they are nobody's."""
N_LEVELS = 64
"""Quantiles a histogram is kept as."""
DEEPEST = 1.2
"""The most a glaze may change the logarithm of a colour."""
FEWEST_PX = 8
"""A feature seen on fewer pixels tells nothing of its colour."""

Part = Literal["lips", "lids", "cheeks", "lashes", "brows", "skin"]
Style = Mapping[Part, Float[Tensor, "3 l"]]
"""The histogram of each channel of a part's colours, as quantiles of :func:`relative`."""


@dataclass(frozen=True)
class Glaze:
    """A film over one feature.

    Attributes:
        part: the feature.
        thinnest: its least opacity; below 0 it brightens, as concealer and highlighter do.
        sigma: how softly it is laid on, in pixels of the 112 px crop recognisers look at.
        colour: the logarithm of what it multiplies colours with; None for the reference's.
        likeness: how much it counts that the feature looks like the reference's.
    """

    part: Part
    thinnest: float
    sigma: float
    colour: tuple[float, float, float] | None = None
    likeness: float = 0.0


GLAZES = (
    Glaze("lips", 0.3, 1.5, likeness=1.0),
    Glaze("lids", 0.0, 1.5, likeness=1.0),
    Glaze("cheeks", 0.0, 4.0, likeness=0.3),
    Glaze("lashes", 0.0, 0.7, (-0.50, -0.55, -0.60)),
    Glaze("brows", -0.3, 1.0, (-0.60, -0.65, -0.70)),
    Glaze("skin", -0.4, 5.0, (-0.07, -0.11, -0.13)),
)
"""Lipstick, shadow and blush after the reference; mascara, brow pencil and contour, which lie where
recognisers look. The colour of skin is a person's own and is not taken from a reference."""


def films(here: Features, pixels: Float[Tensor, "b 3 w w"], style: Style) -> Tensor:
    """Of each glaze w_k g_k at each pixel, ``b k 3 w w``; where a reference counts, at opacity 1
    it has the reference's mean colour, but is no lighter than what it lies on: pigment glows in
    the eyes' shadows otherwise."""
    colours = relative(pixels, here)
    layers = []
    for glaze in GLAZES:
        weights: Tensor = getattr(here, glaze.part)
        if glaze.colour is None:
            area = weights.sum((2, 3), keepdim=True).clamp_min(1e-6)
            own = (weights * colours).sum((2, 3), keepdim=True) / area
            wanted = style[glaze.part].to(own).mean(1).view(1, 3, 1, 1)
            colour = (wanted - own).clamp(-DEEPEST, DEEPEST)
            colour = colour - colour.mean(1, keepdim=True).clamp_min(0)
        else:
            colour = weights.new_tensor(glaze.colour).view(1, 3, 1, 1)
        layers.append(weights * colour)
    return torch.stack(layers, dim=1)


def relative(pixels: Float[Tensor, "b 3 w w"], here: Features) -> Float[Tensor, "b 3 w w"]:
    """The logarithm of colours relative to the skin's, so that a style suits every skin."""
    return (pixels.clamp_min(1 / 255) / here.tone).log()


def style_of(reference: str) -> Style:
    """How the face in a reference is made up.

    Args:
        reference: the name of a bundled style, or the path of a picture.

    Raises:
        UsageError: there is no such style or picture, it cannot be read, or it shows no face or no
            lips, lids or cheeks.
    """
    try:
        return _style(picture_of(reference), reference)
    except PhotoError as error:
        raise UsageError(f"makeup: {error}") from None


def bundled() -> list[str]:
    """The names of the styles that come along."""
    return sorted(path.stem for path in STYLES.glob("*.png"))


def picture_of(reference: str) -> bytes:
    """The file that ``reference`` names.

    Raises:
        UsageError: it cannot be read.
    """
    path = STYLES / f"{reference}.png" if reference in bundled() else Path(reference)
    try:
        return path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"makeup: the reference {reference!r} cannot be read ({error.strerror}); name a "
            f"picture or one of the styles {', '.join(bundled())}."
        ) from None


@lru_cache(maxsize=8)
def _style(data: bytes, name: str) -> Style:
    photo = decode(data, name)
    faces = Detector.load()(photo.pixels)
    if not faces:
        raise UsageError(f"makeup: no face found in the reference {name}; choose another picture.")
    patch = extract(photo.pixels, faces[0])
    pixels = patch.pixels[None]
    there = features(pixels, patch.landmarks[None])
    colours = relative(pixels, there)[0]
    levels = torch.linspace(0, 1, N_LEVELS)
    style: dict[Part, Tensor] = {}
    for glaze in GLAZES:
        if glaze.colour is not None:
            continue
        inside = getattr(there, glaze.part)[0, 0] > 0.5
        if inside.sum() < FEWEST_PX:
            raise UsageError(
                f"makeup: the face in the reference {name} shows no {glaze.part}; choose one that "
                "looks into the camera and is not small."
            )
        style[glaze.part] = torch.quantile(colours[:, inside], levels, dim=1).T.contiguous()
    return style
