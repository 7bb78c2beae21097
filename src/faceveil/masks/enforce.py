"""The budget, met on the 8-bit pixels of the photo itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from faceveil.core.budget import Budget
from faceveil.faces.patch import Patch
from faceveil.faces.regions import region
from faceveil.masks.limits import Slack, visible_limits
from faceveil.measures.quality import ssim
from faceveil.measures.shown import shown

_HALVINGS = 10
"""Bisection steps for a strength in [0, 1]: to within one part in 1024."""


@torch.inference_mode()
def enforce(patch: Patch, mask: Float[Tensor, "3 w w"], budget: Budget) -> NDArray[np.uint8]:
    """The patch's native pixels under ``mask``, as close to it as the budget allows.

    The mask is enlarged to the photo's resolution, weighed by the region there and rounded to whole
    steps of 1/255; then the change is clipped to eps, and scaled down while it breaks another
    limit.

    Args:
        patch: the face.
        mask: the change in [0, 1] units at working resolution, before the region's weights.
        budget: what may change.

    Returns:
        Pixels ``side side 3``; every limit of the budget holds on them exactly.
    """
    native = torch.from_numpy(patch.native).permute(2, 0, 1).float()
    weights = region(budget.region, patch.native_landmarks[None], native.shape[-1])[0]
    change = 255 * weights * patch.enlarge(mask.cpu())
    if patch.grey:
        change = change.mean(dim=0, keepdim=True).expand(3, -1, -1)
    limit = float(int(budget.eps))
    limits = list(_limits(native, weights, patch, budget))

    def at(strength: float) -> Tensor:
        return (native + (strength * change).round().clamp(-limit, limit)).clamp(0, 255)

    def allowed(strength: float) -> bool:
        veiled = at(strength)
        return all(holds(veiled) for holds in limits)

    veiled = at(1.0 if allowed(1.0) else _largest(allowed))
    return np.ascontiguousarray(veiled.permute(1, 2, 0).to(torch.uint8).numpy())


def _limits(
    native: Tensor, weights: Tensor, patch: Patch, budget: Budget
) -> Iterator[Callable[[Tensor], bool]]:
    """What veiled pixels in 0..255 must pass besides eps; the quicker tests first."""
    rows, columns = patch.face_crop

    def face(pixels: Tensor) -> Tensor:
        return shown(pixels[None, :, rows, columns] / 255)

    if (most := budget.l2) is not None:
        inside = (weights > 0).expand_as(native)
        yield lambda veiled: float((veiled - native)[inside].square().mean().sqrt()) <= most
    if (least := budget.ssim) is not None:
        yield lambda veiled: float(ssim(native[None] / 255, veiled[None] / 255)) >= least
    for slack in visible_limits(budget, face(native)):
        yield partial(_holds, slack, face)


def _holds(slack: Slack, face: Callable[[Tensor], Tensor], veiled: Tensor) -> bool:
    return float(slack(face(veiled))) >= 0


def _largest(allowed: Callable[[float], bool]) -> float:
    """The largest strength found by bisection that is allowed; 0, no change, always is."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if allowed(middle) else (low, middle)
    return low
