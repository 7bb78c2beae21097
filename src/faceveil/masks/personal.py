"""Personal masks: one picture of changes for one person, laid over any photo by its landmarks."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from faceveil.core.budget import Budget
from faceveil.core.errors import UsageError
from faceveil.faces.frame import in_frame
from faceveil.faces.patch import Patch
from faceveil.masks.enforce import Change, seen
from faceveil.measures.strength import strength_at
from faceveil.ops import warp

MARGIN = 0.001
"""Of SSIM, by which the first guess of a strength stays above the floor."""
GUESSES = (1.0, 0.97, 0.9)
"""Shares of that guess which are tried before the strength is searched for."""


@dataclass(frozen=True, eq=False)
class PersonalMask:
    """A mask in the aligned frame of a face, in [0, 1] units, as exact as half precision is.

    Whoever holds it can lay it over photos of that person, and take it off again.
    """

    pixels: Float[Tensor, "3 s s"]

    def __post_init__(self) -> None:
        channels, height, width = self.pixels.shape
        if channels != 3 or height != width or not self.pixels.isfinite().all():
            raise UsageError("A personal mask is a square of finite numbers in three channels.")
        kept = self.pixels.detach().to("cpu", torch.float16).float()
        object.__setattr__(self, "pixels", kept)

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the mask in half precision, in hexadecimal; it tells nothing of the mask."""
        data = self.pixels.to(torch.float16).contiguous().numpy()
        return hashlib.sha256(data.astype("<f2").tobytes()).hexdigest()

    @torch.inference_mode()
    def lay(self, patch: Patch, budget: Budget) -> tuple[NDArray[np.uint8], float]:
        """The native pixels of ``patch`` under the mask, and the strength it has there.

        The mask is as strong as the budget allows; every limit holds on the pixels handed out.
        """
        change = self._on(patch, budget)
        guess = 1.0
        if budget.ssim is not None:
            before, wanted = (seen(change.crop, each) for each in (change.native, change.wanted))
            guess = float(strength_at(before, wanted, min(1.0, budget.ssim + MARGIN)))
        strengths = (share * guess for share in GUESSES)
        strength = next(filter(change.allowed, strengths), None)
        if strength is None:
            strength = change.strongest()
        return change.veiled(strength), strength

    @torch.inference_mode()
    def lift(self, patch: Patch, budget: Budget, strength: float) -> NDArray[np.uint8]:
        """The native pixels of a veiled ``patch`` without the mask.

        They are those before the veil, if ``patch`` is where it was then and the pixels were kept;
        only where a veiled pixel reached 0 or 255 some of it is lost.
        """
        return self._on(patch, budget).unveiled(strength)

    def _on(self, patch: Patch, budget: Budget) -> Change:
        mask = placed(self.pixels[None], patch.native_landmarks[None], patch.side)[0]
        return Change.of(patch.at_native(), mask, budget)


def placed(
    masks: Float[Tensor, "b 3 s s"], landmarks: Float[Tensor, "b 5 2"], size_px: int
) -> Float[Tensor, "b 3 {size_px} {size_px}"]:
    """Masks of the aligned frame in square patches, where the landmarks are; differentiable.

    A face smaller than the frame shows a mask that was low-passed, not one with pixels left out.
    """
    pairs = zip(torch.split(masks, 1), torch.split(landmarks, 1), strict=True)
    return torch.cat([_placed(mask, points, size_px) for mask, points in pairs])


def _placed(mask: Tensor, landmarks: Tensor, size_px: int) -> Tensor:
    matrix = warp.similarity(in_frame(landmarks, mask.shape[-1]), landmarks)
    scale = float(matrix[0, :, 0].detach().norm())
    if scale < 1:
        mask = warp.resize(mask, max(1, round(scale * mask.shape[-1])))
        matrix = warp.similarity(in_frame(landmarks, mask.shape[-1]), landmarks)
    return warp.sample(mask, matrix, size_px)
