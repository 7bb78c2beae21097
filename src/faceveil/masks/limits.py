"""What a budget lets the eye see of a veil, as numbers a method can descend to and enforce asks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.budget import Budget
from faceveil.measures.flip import PIXELS_PER_DEGREE, SPOT_DEGREES, Flip
from faceveil.measures.ssimulacra2 import Ssimulacra2, enlarged
from faceveil.ops.treat import blur

Slack = Callable[[Float[Tensor, "b 3 h w"]], Float[Tensor, " b"]]
"""The room veiled face crops in [0, 1] leave to a limit, differentiable; it holds from 0 on."""


def visible_limits(budget: Budget, faces: Float[Tensor, "b 3 h w"]) -> list[Slack]:
    """The limits of ``budget`` on what is seen of face crops, the quicker ones first.

    Args:
        budget: its ``flip`` and ``ssimulacra2`` count, where given.
        faces: the crops before veiling, RGB in [0, 1], no larger than they are
            :func:`~faceveil.measures.shown.shown`.
    """
    limits: list[Slack] = []
    if (ceiling := budget.flip) is not None:
        flip = Flip(faces)
        limits.append(lambda veiled: ceiling - flip(veiled))
    if (floor := budget.ssimulacra2) is not None:
        ssimulacra2 = Ssimulacra2(enlarged(faces))
        limits.append(lambda veiled: ssimulacra2(enlarged(veiled)) - floor)
    return limits


class Spots:
    """The limit of a budget on every single spot of face crops.

    A step back along the gradient of the worst spot would leave the others, so masks are made
    fainter where they show too much, everywhere at once.

    Args:
        most: what a spot may differ by, in FLIP.
        faces: the crops before veiling, as in :func:`visible_limits`.
    """

    def __init__(self, most: float, faces: Float[Tensor, "b 3 h w"]) -> None:
        self._most, self._flip = most, Flip(faces)

    def slack(self, veiled: Float[Tensor, "b 3 h w"]) -> Float[Tensor, " b"]:
        """The room the worst spot leaves."""
        return self._most - self._flip.spots(veiled).amax((1, 2))

    def factors(self, veiled: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 1 h w"]:
        """What to multiply each pixel's change with, in (0, 1], for spots to come near the limit.

        FLIP grows more slowly than the change, so a spot stays above the limit and nears it from
        time to time; the other way round, veils would fade.
        """
        shown = self._flip.spots(veiled)[:, None]
        factors = (self._most / shown.clamp_min(1e-6)).clamp_max(1)
        return blur(factors, [SPOT_DEGREES / 2 * PIXELS_PER_DEGREE] * len(factors))


class Nearer(NamedTuple):
    """What masks are made from after a step toward a limit, and the way there.

    ``inward`` points into what the limit allows, of unit length; zero where the limit held.
    """

    free: Float[Tensor, "b c w w"]
    inward: Float[Tensor, "b c w w"]


def toward(
    slack: Callable[[Float[Tensor, "b 3 w w"]], Float[Tensor, " b"]],
    free: Float[Tensor, "b c w w"],
    mask_of: Callable[[Tensor], Float[Tensor, "b 3 w w"]],
    *,
    reach: float,
) -> Nearer:
    """``free`` one Newton step nearer to where its mask keeps a limit; what keeps it stays.

    u <- u - s g / |g|^2 with the slack s < 0 and its gradient g: the shortest way to s = 0 where s
    is linear.

    Args:
        slack: of each mask, differentiable.
        free: what the masks are made from.
        mask_of: how, differentiable.
        reach: the longest step, as a share of the length of ``free``.
    """
    free = free.detach().requires_grad_()
    room = slack(mask_of(free))
    missing = (-room.detach()).clamp_min(0).view(-1, 1, 1, 1)
    if not missing.any():
        return Nearer(free.detach(), torch.zeros_like(free))
    (gradient,) = torch.autograd.grad(room.sum(), free)
    free = free.detach()
    steepness = length(gradient).clamp_min(1e-30)
    inward = gradient / steepness
    step = torch.minimum(missing / steepness, reach * length(free))
    return Nearer(free + step * inward, inward * (missing > 0))


def along(
    step: Float[Tensor, "b c w w"], inward: Iterable[Float[Tensor, "b c w w"]]
) -> Float[Tensor, "b c w w"]:
    """``step`` less what of it leads out of limits with these unit vectors inward."""
    for normal in inward:
        step = step - (step * normal).sum((1, 2, 3), keepdim=True).clamp_max(0) * normal
    return step


def length(masks: Float[Tensor, "*n c w w"]) -> Float[Tensor, "*n 1 1 1"]:
    """The Euclidean length of each mask."""
    return torch.linalg.vector_norm(masks, dim=(-3, -2, -1), keepdim=True)


def unit(masks: Float[Tensor, "*n c w w"]) -> Float[Tensor, "*n c w w"]:
    """The masks brought to length one; those of length zero stay."""
    return masks / length(masks).clamp_min(1e-30)
