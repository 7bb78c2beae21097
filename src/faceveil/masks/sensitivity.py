"""Which regions of a face recognisers go by: what covering each of them does to embeddings.

Occlusion sensitivity (Zeiler and Fergus, "Visualizing and understanding convolutional networks",
ECCV 2014), over the cells r of a grid on the aligned face:

    s_r = mean over recognisers k of [1 - cos(f_k(x), f_k(x with r covered))] / area of r

All cells have the same area, so it is left out.
"""

from __future__ import annotations

from functools import partial

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from faceveil.faces.face import TEMPLATE
from faceveil.ops import warp
from faceveil.recognisers.ensemble import Ensemble

CELLS = 7
"""Cells along each side of the aligned face."""
CELL_PX = 16
"""The side of a cell, in pixels of the 112 px crop recognisers look at."""


@torch.no_grad()
def sensitivities(
    recognisers: Ensemble, pixels: Float[Tensor, "b 3 w w"], landmarks: Float[Tensor, "b 5 2"]
) -> dict[str, Float[Tensor, "b 7 7"]]:
    """What each recogniser minds of every cell covered with the mean colour of the face.

    Args:
        recognisers: whom to ask.
        pixels: patches with a face each, RGB in [0, 1].
        landmarks: of the faces, in px of the patches.
    """
    lay = partial(laid, landmarks=landmarks, size_px=pixels.shape[-1])
    face = lay(torch.ones(1, CELLS, CELLS))
    tone = (pixels * face).sum((2, 3), keepdim=True) / face.sum((2, 3), keepdim=True)
    source = recognisers(pixels, landmarks)
    rows: dict[str, list[Tensor]] = {name: [] for name in source}
    for cell in torch.eye(CELLS**2).view(-1, 1, CELLS, CELLS):
        covered = torch.lerp(pixels, tone.expand_as(pixels), lay(cell))
        for name, seen in recognisers(covered, landmarks).items():
            rows[name].append(1 - (seen * source[name]).sum(-1))
    return {
        name: torch.stack(minded, dim=1).view(-1, CELLS, CELLS) for name, minded in rows.items()
    }


def laid(
    cells: Float[Tensor, "n 7 7"], landmarks: Float[Tensor, "b 5 2"], size_px: int
) -> Float[Tensor, "b 1 {size_px} {size_px}"]:
    """A map of cells for each face, or one for all, on square patches with these landmarks.

    It is 0 beside the aligned faces.
    """
    cells = cells.to(landmarks)[:, None]
    aligned = F.interpolate(cells, scale_factor=CELL_PX, mode="nearest")
    to_patch = warp.invert(warp.similarity(landmarks, landmarks.new_tensor(TEMPLATE)))
    return warp.sample(aligned.expand(len(landmarks), -1, -1, -1), to_patch, size_px)


def rank_correlation(
    one: Float[Tensor, "b 7 7"], other: Float[Tensor, "b 7 7"]
) -> Float[Tensor, " b"]:
    """Spearman's: how alike two recognisers order the cells of each face, in [-1, 1]."""
    ranks = [cells.flatten(1).argsort().argsort().double() for cells in (one, other)]
    first, second = (rank - rank.mean(1, keepdim=True) for rank in ranks)
    return (first * second).sum(1) / (first.square().sum(1) * second.square().sum(1)).sqrt()
