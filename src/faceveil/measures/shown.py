"""The size at which a face's damage is judged: 1:1, but never larger than a screen shows it."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

SHOWN_PX = 256
"""At FLIP's 67 pixels a degree 3.8 degrees: a face 4 cm high on a screen 60 cm away."""


def shown(pixels: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
    """Pictures with a side over :data:`SHOWN_PX` shrunk to it, with a low-pass; others as they are.

    So a veil shows on a large face what it shows on one of 256 px. Whoever goes nearer, or zooms
    in, sees the same change larger and smoother, and more of it.
    """
    longest = max(pixels.shape[-2:])
    if longest <= SHOWN_PX:
        return pixels
    height, width = (max(1, round(side * SHOWN_PX / longest)) for side in pixels.shape[-2:])
    return F.interpolate(
        pixels, (height, width), mode="bilinear", antialias=True, align_corners=False
    )
