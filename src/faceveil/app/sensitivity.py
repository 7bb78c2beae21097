"""Which parts of a photo's faces recognisers go by, as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import torch
import torch.nn.functional as F
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from faceveil.core.errors import NoFaceError
from faceveil.faces.detect import Detector
from faceveil.faces.face import TEMPLATE
from faceveil.faces.patch import extract
from faceveil.inversion.sheet import sheet
from faceveil.io.encode import png
from faceveil.io.photo import Photo
from faceveil.masks.sensitivity import CELL_PX, CELLS, rank_correlation, sensitivities
from faceveil.ops import warp
from faceveil.recognisers.ensemble import Ensemble
from faceveil.recognisers.recogniser import Recogniser

ENLARGED = 2
SIDE_PX = ENLARGED * CELL_PX * CELLS
MARKED = (1.0, 0.35, 0.0)
"""The colour of what a recogniser minds most."""


@dataclass(frozen=True, eq=False)
class Sensitivity:
    """What recognisers go by in the faces of a photo.

    Attributes:
        picture: uint8, h w 3: each face, and below it what each recogniser goes by.
        agreement: Spearman's rank correlation of the cells of two recognisers, mean over faces.
    """

    picture: NDArray[np.uint8]
    agreement: dict[tuple[str, str], float]

    def png(self) -> bytes:
        """The picture's file."""
        return png(self.picture)


def sensitivity(
    photo: Photo, detector: Detector, recognisers: Sequence[Recogniser], *, n_faces: int | None
) -> Sensitivity:
    """What ``recognisers`` mind covered in the ``n_faces`` largest faces of ``photo``, or all.

    Raises:
        NoFaceError: there is no face in the photo.
    """
    faces = detector(photo.pixels)[:n_faces]
    if not faces:
        raise NoFaceError(f"{photo.name}: no face found, so there is nothing to draw.")
    ensemble = Ensemble(recognisers)
    crops, minded = [], []
    for face in faces:
        patch = extract(photo.pixels, face)
        pixels, landmarks = (
            one[None].to(ensemble.device) for one in (patch.pixels, patch.landmarks)
        )
        minded.append(sensitivities(ensemble, pixels, landmarks))
        template = ENLARGED * (landmarks.new_tensor(TEMPLATE) + 0.5) - 0.5
        to_crop = warp.similarity(landmarks, template)
        crops.append(warp.sample(pixels, to_crop, SIDE_PX))
    by_name = {name: torch.cat([one[name] for one in minded]) for name in ensemble.names}
    shown = torch.cat(crops)
    rows = {"face": shown} | {name: _over(shown, cells) for name, cells in by_name.items()}
    agreement = {
        (one, other): float(rank_correlation(by_name[one], by_name[other]).mean())
        for one, other in combinations(by_name, 2)
    }
    return Sensitivity(sheet(rows), agreement)


def _over(faces: Float[Tensor, "n 3 s s"], cells: Float[Tensor, "n 7 7"]) -> Tensor:
    """Grey faces, coloured the more the more a cell is minded."""
    heat = cells.clamp_min(0) / cells.amax((1, 2), keepdim=True).clamp_min(1e-30)
    heat = F.interpolate(heat[:, None], faces.shape[-2:], mode="nearest")
    grey = faces.mean(1, keepdim=True)
    return torch.lerp(grey.expand_as(faces), grey.new_tensor(MARKED).view(3, 1, 1), 0.8 * heat)
