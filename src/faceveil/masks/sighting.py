"""Where a face wears a personal mask, and how strongly: whoever has the key can look for it.

The landmarks a detector finds in a veiled photo are not quite those the mask was laid by (2 % of
the distance of the eyes away). So the mask is moved about a little until it fits best: a matched
filter, with the fine detail of the photo as its noise.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from faceveil.core.budget import Region
from faceveil.faces.patch import Patch
from faceveil.faces.regions import region
from faceveil.masks.personal import PersonalMask, placed

STEPS = 40
STRIDE_PX = 0.15
"""Of the landmarks, in each step, at the working resolution."""
WINDOW_PX = 7
"""What changes within so many pixels is fine detail."""


@dataclass(frozen=True, eq=False)
class Sighting:
    """A face's landmarks as the mask says, in px of the photo, and the mask's strength there.

    The strength is about 0 where the mask is not worn, and 1 where it is whole. The fit is what is
    maximised: under 15 on photos without the mask, however faint it is (measured: 2 to 14).
    """

    landmarks: Float[Tensor, "5 2"]
    strength: float
    fit: float


def sight(mask: PersonalMask, patch: Patch, kind: Region) -> Sighting:
    """The best fit of ``mask`` to the face of ``patch``, from its landmarks on.

    Maximised over turns, scales and shifts T of the landmarks: <d, e_T> / |e_T|, where d is the
    fine detail of the photo and e_T that of the mask under T. Pixels count the less the more detail
    the face itself has around them; what the mask is thought to add is taken out of that.

    Args:
        mask: what is looked for.
        patch: a face of a photo that may be veiled.
        kind: the region masks are laid in.
    """
    detail = _detail(patch.pixels[None])
    start = patch.landmarks
    centre = start.mean(dim=0)
    reach = float((start - centre).norm(dim=1).mean())
    # Across, down, larger, turned: each in px of the landmarks, so that one stride suits all.
    move = torch.zeros(4, requires_grad=True)
    adam = torch.optim.Adam([move], lr=STRIDE_PX)
    best, strength = Sighting(_in_photo(start, patch), 0.0, -math.inf), 0.0
    for _ in range(STEPS):
        larger, turned = 1 + move[2] / reach, move[3] / reach
        turn = torch.stack([torch.stack([larger, -turned]), torch.stack([turned, larger])])
        landmarks = (start - centre) @ turn.T + centre + move[:2]
        worn = _worn(mask, landmarks, patch, kind)
        weights = 1 / (_mean((detail - strength * worn.detach()).square()) + 255**-2)
        overlap, energy = (weights * detail * worn).sum(), (weights * worn.square()).sum()
        fit = overlap / energy.clamp_min(1e-12).sqrt()
        strength = float(overlap.detach() / energy.detach().clamp_min(1e-12))
        if float(fit.detach()) > best.fit:
            best = Sighting(_in_photo(landmarks.detach(), patch), strength, float(fit.detach()))
        (gradient,) = torch.autograd.grad(fit, move)
        move.grad = -gradient
        adam.step()
    return best


def _worn(mask: PersonalMask, landmarks: Tensor, patch: Patch, kind: Region) -> Tensor:
    """The fine detail that the mask adds to the patch, at full strength."""
    side = patch.working_px
    change = region(kind, landmarks[None], side) * placed(mask.pixels[None], landmarks[None], side)
    if patch.grey:
        change = change.mean(dim=1, keepdim=True).expand(-1, 3, -1, -1)
    return _detail(change)


def _in_photo(landmarks: Tensor, patch: Patch) -> Float[Tensor, "5 2"]:
    native = (landmarks + 0.5) * (patch.side / patch.working_px) - 0.5
    return native + native.new_tensor((patch.left, patch.top))


def _detail(pictures: Tensor) -> Tensor:
    return pictures - _mean(pictures)


def _mean(pictures: Tensor) -> Tensor:
    return F.avg_pool2d(
        pictures, WINDOW_PX, stride=1, padding=WINDOW_PX // 2, count_include_pad=False
    )
