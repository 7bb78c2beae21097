"""The budget, met on the 8-bit pixels of the photo itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from faceveil.core.budget import Budget
from faceveil.faces.patch import Patch, Slices, resized
from faceveil.faces.regions import region
from faceveil.masks.limits import Spots, visible_limits
from faceveil.measures.quality import WINDOW_PX, ssim
from faceveil.measures.shown import shown

Strength = float | Float[Tensor, "1 side side"]
"""A share of a change, in [0, 1]: of all of it, or pixel by pixel."""
_HALVINGS = 10
"""Bisection steps for a strength in [0, 1]: to within one part in 1024."""
_FEW = 0.01
"""A share of values that change together without showing in a limit."""
_ROUNDS = 4
"""Times a change is made fainter where it shows too much, before all of it is."""


@torch.inference_mode()
def enforce(patch: Patch, mask: Float[Tensor, "3 w w"], budget: Budget) -> NDArray[np.uint8]:
    """The patch's native pixels under ``mask``, as close to it as the budget allows.

    The mask is enlarged to the photo's resolution and weighed by the region there; the change is
    made fainter where a spot shows too much, rounded to whole steps of 1/255, clipped to eps, and
    scaled down while it breaks another limit. Many masks are whole steps themselves, which rounding
    takes down all at once: as many pixels as the budget allows, in an order that is always the
    same, keep the greater step.

    Args:
        patch: the face.
        mask: the change in [0, 1] units at working resolution, before the region's weights.
        budget: what may change.

    Returns:
        Pixels ``side side 3``; every limit of the budget holds on them exactly.
    """
    wanted = _fainter(Change.of(patch, mask, budget), patch, budget)
    return wanted.veiled(1.0 if wanted.allowed(1.0) else wanted.filled())


@dataclass(frozen=True, eq=False)
class Change:
    """What a mask does to a patch's own pixels, at any strength.

    Attributes:
        native: the pixels, in 1/255.
        wanted: what the mask asks for, in steps of 1/255 that are not whole yet.
        eps: the most that any may change.
        crop: rows and columns SSIM is taken of.
        limits: what veiled pixels must pass besides.
    """

    native: Float[Tensor, "3 side side"]
    wanted: Float[Tensor, "3 side side"]
    eps: int
    crop: Slices
    limits: Sequence[Callable[[Tensor], bool]]

    @classmethod
    def of(cls, patch: Patch, mask: Float[Tensor, "3 w w"], budget: Budget) -> Change:
        """The change ``mask`` asks for."""
        native = torch.from_numpy(patch.native).permute(2, 0, 1).float()
        weights = region(budget.region, patch.native_landmarks[None], native.shape[-1])[0]
        mask = mask.cpu().nan_to_num(nan=0.0)
        if patch.grey:
            mask = mask.mean(dim=0, keepdim=True).expand(3, -1, -1)
        eps = budget.eps / 255
        change = 255 * weights * patch.enlarge(mask.clamp(-eps, eps))
        crop = _ssim_crop(patch)
        limits = list(_limits(native, weights, patch, budget, crop))
        return cls(native, change, int(budget.eps), crop, limits)

    def steps(self, strength: Strength) -> Float[Tensor, "3 side side"]:
        """The change in whole steps of 1/255, within eps."""
        return (strength * self.wanted).round_().clamp_(-self.eps, self.eps)

    def veiled(self, strength: Strength) -> NDArray[np.uint8]:
        """The pixels with the change, ``side side 3``."""
        return _bytes(self.native + self.steps(strength))

    def unveiled(self, strength: Strength) -> NDArray[np.uint8]:
        """The pixels without the change, where they have it."""
        return _bytes(self.native - self.steps(strength))

    def allowed(self, strength: Strength) -> bool:
        """Whether every limit holds."""
        veiled = self.steps(strength).add_(self.native).clamp_(0, 255)
        return all(holds(veiled) for holds in self.limits)

    def strongest(self) -> float:
        """The largest strength found by bisection that is allowed; 0, no change, always is."""
        return _bisected(self.allowed)

    def filled(self) -> Float[Tensor, "1 side side"]:
        """The strongest, and the next one above it for as many pixels as that is allowed for."""
        order = torch.rand(1, *self.native.shape[1:], generator=torch.Generator().manual_seed(0))
        strongest = self.strongest()

        def above(share: float) -> Tensor:
            return strongest + (order < share) * 0.5**_HALVINGS

        differ = self.steps(above(1.0)) != self.steps(strongest)
        few = float(differ.float().mean()) < _FEW
        return above(0.0 if few else _bisected(lambda share: self.allowed(above(share))))


def _bisected(allowed: Callable[[float], bool]) -> float:
    """The largest number in [0, 1) that is allowed, where none above it is and 0 is."""
    low, high = 0.0, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if allowed(middle) else (low, middle)
    return low


def _fainter(change: Change, patch: Patch, budget: Budget) -> Change:
    """The change with less where a spot of it would show more than the budget allows."""
    if budget.spot is None:
        return change
    rows, columns = patch.face_crop
    wanted = change.wanted.clone()
    before, place = (pixels[None, :, rows, columns] for pixels in (change.native, wanted))
    spots = Spots(budget.spot, shown(before / 255))
    for _ in range(_ROUNDS):
        factors = spots.factors(shown(((before + place) / 255).clamp(0, 1)))
        place *= resized(factors, place.shape[-2:])
    return replace(change, wanted=wanted)


def _bytes(pixels: Tensor) -> NDArray[np.uint8]:
    whole = pixels.clamp(0, 255).permute(1, 2, 0).to(torch.uint8)
    return np.ascontiguousarray(whole.numpy())


def seen(crop: Slices, pixels: Float[Tensor, "3 side side"]) -> Float[Tensor, "1 3 _ _"]:
    """A crop of pixels in 1/255 as it is shown, in [0, 1]."""
    return shown(pixels[None, :, *crop] / 255)


def _ssim_crop(patch: Patch) -> Slices:
    """The face's crop; where it is too small for SSIM, the patch."""
    rows, columns = patch.face_crop
    if min(rows.stop - rows.start, columns.stop - columns.start) < WINDOW_PX:
        return slice(None), slice(None)
    return rows, columns


def _limits(
    native: Tensor, weights: Tensor, patch: Patch, budget: Budget, crop: Slices, /
) -> Iterator[Callable[[Tensor], bool]]:
    """What veiled pixels in 0..255 must pass besides eps; the quicker tests first."""
    if (most := budget.l2) is not None:
        rows, columns = patch.within_photo
        inside = (weights[:, rows, columns] > 0).expand(3, -1, -1)

        def short_enough(veiled: Tensor) -> bool:
            change = (veiled - native)[:, rows, columns][inside]
            return float(change.square().mean().sqrt()) <= most

        yield short_enough
    if (least := budget.ssim) is not None:
        before = seen(crop, native)
        yield lambda veiled: float(ssim(before, seen(crop, veiled))) >= least
    if budget.flip is budget.ssimulacra2 is budget.spot is None:
        return
    shows = seen(patch.face_crop, native)
    slacks = visible_limits(budget, shows)
    if budget.spot is not None:
        slacks.append(Spots(budget.spot, shows).slack)

    def overlooked(veiled: Tensor) -> bool:
        shown_now = seen(patch.face_crop, veiled)
        return all(float(slack(shown_now)) >= 0 for slack in slacks)

    yield overlooked
