"""The size at which a face's damage is judged: 1:1, but never larger than a screen shows it."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

SHOWN_PX = 512
"""At FLIP's 67 pixels a degree 7.6 degrees: a face that fills a phone held at 30 cm."""


def shown(pixels: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c H W"]:
    """Pictures with a side over :data:`SHOWN_PX` shrunk to it, with a low-pass; others as they are.

    A portrait of 4000 px is looked at like this. Whoever goes nearer, to its single pixels, sees
    the same change larger and smoother, and more of it.
    """
    longest = max(pixels.shape[-2:])
    if longest <= SHOWN_PX:
        return pixels
    height, width = (max(1, round(side * SHOWN_PX / longest)) for side in pixels.shape[-2:])
    return F.interpolate(
        pixels, (height, width), mode="bilinear", antialias=True, align_corners=False
    )
