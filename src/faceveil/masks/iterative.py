"""The gradient family TIP-IM grew from: PGD, MIM, DIM and MT-DIM."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.ranges import Count, NonNegative, Positive
from faceveil.masks.method import Method
from faceveil.masks.problem import Problem
from faceveil.masks.views import Views


@dataclass(frozen=True)
class Pgd(Method):
    """Projected gradient descent from a random start (Madry et al., ICLR 2018).

    m <- clip(m - alpha * sign(grad), -eps, eps), towards the target nearest to the source.

    Attributes:
        steps: iterations T.
        alpha: step length, in 1/255.
    """

    name: ClassVar[str] = "pgd"
    summary: ClassVar[str] = "projected gradient descent (Madry et al. 2018)"

    steps: Count = 50
    alpha: Positive = 1.5

    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """Descend from a uniform draw within eps."""
        problem = problem.towards_nearest()
        mask = problem.noise(problem.eps)
        for _ in problem.steps(self.steps):
            gradient = problem.gradient(mask, problem.draw_views())
            mask = (mask - self.alpha / 255 * gradient.sign()).clamp(-problem.eps, problem.eps)
        return mask


@dataclass(frozen=True)
class Mim(Method):
    """The momentum iterative method (Dong et al., CVPR 2018).

    g <- momentum * g + grad / mean|grad|;  m <- clip(m - alpha * sign(g), -eps, eps).

    Attributes:
        steps: iterations T.
        alpha: step length, in 1/255.
        momentum: decay of the accumulated gradient.
    """

    name: ClassVar[str] = "mim"
    summary: ClassVar[str] = "momentum iterative method (Dong et al. 2018)"

    steps: Count = 50
    alpha: Positive = 1.5
    momentum: NonNegative = 1.0

    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """Descend with momentum towards the target nearest to the source."""
        return self._descend(problem.towards_nearest())

    def _descend(self, problem: Problem) -> Tensor:
        mask = problem.nudge()
        velocity = torch.zeros_like(mask)
        for _ in problem.steps(self.steps):
            gradient = problem.gradient(mask, problem.draw_views())
            velocity = self.momentum * velocity + normalised(gradient)
            mask = (mask - self.alpha / 255 * velocity.sign()).clamp(-problem.eps, problem.eps)
        return mask


@dataclass(frozen=True)
class Dim(Mim):
    """The diverse-inputs method (Xie et al., CVPR 2019): MIM on randomly shrunk, padded crops.

    Every step sees such a crop (ours; in the paper with a probability).

    Attributes:
        steps, alpha, momentum: as in MIM.
    """

    name: ClassVar[str] = "dim"
    summary: ClassVar[str] = "diverse inputs, momentum (Xie et al. 2019)"
    default_views: ClassVar[Views] = Views(shrink=(0.9, 1.0))


@dataclass(frozen=True)
class MtDim(Dim):
    """Multi-target DIM, TIP-IM's baseline: every step descends the mean over all targets.

    Attributes:
        steps, alpha, momentum: as in MIM.
    """

    name: ClassVar[str] = "mt-dim"
    summary: ClassVar[str] = "diverse inputs, towards all targets at once (Yang et al. 2021)"

    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """Descend with momentum towards the mean of the targets."""
        return self._descend(problem)


def normalised(gradient: Float[Tensor, "*n c h w"]) -> Float[Tensor, "*n c h w"]:
    """Each face's gradient divided by its mean absolute value; zero stays zero."""
    return gradient / gradient.abs().mean(dim=(-3, -2, -1), keepdim=True).clamp_min(1e-30)
