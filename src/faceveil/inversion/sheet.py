"""A contact sheet: what was found beside whom it should show."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from torch import Tensor

ACROSS = 10
"""People side by side."""
LEAST_PX = 112
"""Smaller faces are enlarged by a whole factor."""
MARGIN_PX = 100
GAP_PX = 8


def sheet(rows: Mapping[str, Float[Tensor, "n 3 s s"]]) -> NDArray[np.uint8]:
    """Each row of pictures with its name, person below person; uint8, h w 3.

    Args:
        rows: by name; all of as many pictures, and these of the same people.
    """
    side = next(iter(rows.values())).shape[-1]
    cell = side * -(-LEAST_PX // side)
    n = len(next(iter(rows.values())))
    bands = [range(at, min(at + ACROSS, n)) for at in range(0, n, ACROSS)]
    height = len(bands) * (len(rows) * cell + GAP_PX) - GAP_PX
    page = Image.new("RGB", (MARGIN_PX + min(n, ACROSS) * cell, height), "white")
    draw = ImageDraw.Draw(page)
    for at, band in enumerate(bands):
        for line, (name, pictures) in enumerate(rows.items()):
            top = at * (len(rows) * cell + GAP_PX) + line * cell
            draw.text((4, top + cell // 2), name, fill="black")
            for column, person in enumerate(band):
                face = Image.fromarray(to_bytes(pictures[person])).resize(
                    (cell, cell), Image.Resampling.NEAREST
                )
                page.paste(face, (MARGIN_PX + column * cell, top))
    return np.asarray(page)


def to_bytes(picture: Float[Tensor, "3 s s"]) -> NDArray[np.uint8]:
    """One picture in [0, 1] as uint8, s s 3."""
    steps = (255 * picture).round().clamp(0, 255).to(torch.uint8)
    return steps.permute(1, 2, 0).contiguous().numpy()
