"""Margin losses: softmax over cosines to one centre a person, made harder for the right person.

    loss(z, y) = -log  e^{s psi(theta_y)} / (e^{s psi(theta_y)} + sum_{j != y} e^{s cos theta_j})

where theta_j is the angle between the embedding z and centre j, and psi says how much harder. For
soft labels the loss is sum_i w_i loss(z, y_i).
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from faceveil.core.config import Strict
from faceveil.core.ranges import Finite, NonNegative, Positive, Range
from faceveil.training.defence import Labels
from faceveil.training.distributed import mean_over_processes

TINY = 1e-6
"""Cosines stay this far from -1 and 1, where an angle has no gradient."""

NORM_MOMENTUM = 0.99
"""AdaFace's alpha: how slowly the mean and deviation of the embeddings' norms move."""


@dataclass(frozen=True)
class Margin(Strict, ABC):
    """A psi, and the scale s that cosines are multiplied by.

    Attributes:
        s: the scale.
        smoothing: alpha, the part of each label that is spread evenly over everybody; below 0 it is
            taken from all others, a defence (Struppek et al., "Be careful what you smooth for",
            ICLR 2024, alpha = -0.05). Ours: within a margin loss, and from the first step on, where
            their code begins with alpha 0 and comes to it in the middle of training.
    """

    name: ClassVar[str]

    s: Positive = 64.0
    smoothing: Finite = 0.0

    @abstractmethod
    def psi(self, cosine: Float[Tensor, " b"], quality: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        """What stands in place of the cosine to the right centre.

        Args:
            cosine: to that centre.
            quality: the embedding's norm before it became a unit vector, in deviations from the
                mean norm; AdaFace takes it for the photo's quality.
        """


@dataclass(frozen=True)
class ArcFace(Margin):
    """cos(theta + m); beyond pi - m, where that rises, cos theta - m sin m (Deng et al. 2019).

    Attributes:
        m: radians.
    """

    name: ClassVar[str] = "arcface"

    m: NonNegative = 0.5

    def psi(self, cosine: Float[Tensor, " b"], quality: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        """The angle made larger."""
        sine = (1 - cosine.square()).clamp_min(TINY**2).sqrt()
        added = cosine * math.cos(self.m) - sine * math.sin(self.m)
        beyond = cosine - self.m * math.sin(self.m)
        return torch.where(cosine > math.cos(math.pi - self.m), added, beyond)


@dataclass(frozen=True)
class CosFace(Margin):
    """cos theta - m (Wang et al. 2018)."""

    name: ClassVar[str] = "cosface"

    m: NonNegative = 0.35

    def psi(self, cosine: Float[Tensor, " b"], quality: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        """The cosine made smaller."""
        return cosine - self.m


@dataclass(frozen=True)
class SphereFace(Margin):
    """(-1)^k cos(m theta) - 2k, with k = floor(m theta / pi) (Liu et al. 2017).

    The paper's scale is the embedding's norm and its m a whole number; with a fixed scale, as here,
    m = 1.35 is what ArcFace's authors compare with.
    """

    name: ClassVar[str] = "sphereface"

    m: Annotated[float, Range(1)] = 1.35

    def psi(self, cosine: Float[Tensor, " b"], quality: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        """The angle multiplied, and the curve carried on downward where the cosine would turn."""
        angle = self.m * cosine.clamp(TINY - 1, 1 - TINY).acos()
        k = (angle / math.pi).floor().detach()
        return (1 - 2 * (k % 2)) * angle.cos() - 2 * k


@dataclass(frozen=True)
class AdaFace(Margin):
    """cos(theta - m q) - (m + m q), q the clipped quality times h (Kim et al. 2022).

    Photos of high quality get an additive margin, those of low quality a negative angular one,
    which stresses them less.
    """

    name: ClassVar[str] = "adaface"

    m: NonNegative = 0.4
    h: NonNegative = 0.333

    def psi(self, cosine: Float[Tensor, " b"], quality: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        """Both margins, each by quality."""
        q = (self.h * quality).clamp(-1, 1)
        angle = cosine.clamp(TINY - 1, 1 - TINY).acos() - self.m * q
        return angle.clamp(1e-3, math.pi - 1e-3).cos() - (self.m + self.m * q)


class Head(nn.Module):
    """The centres, and the loss of embeddings under a margin."""

    norm_mean: Tensor
    norm_std: Tensor

    def __init__(self, margin: Margin, embedding_size: int, n_people: int):
        super().__init__()
        self.margin = margin
        self.centres = nn.Parameter(torch.empty(n_people, embedding_size).normal_(std=0.01))
        self.register_buffer("norm_mean", torch.tensor(20.0))
        self.register_buffer("norm_std", torch.tensor(100.0))  # both as AdaFace's code starts

    def forward(self, embeddings: Float[Tensor, "b d"], labels: Labels) -> Float[Tensor, " b"]:
        """The loss of each row, in single precision whatever surrounds it."""
        with torch.autocast(embeddings.device.type, enabled=False):
            embeddings = embeddings.float()
            cosines = F.normalize(embeddings) @ F.normalize(self.centres).T
            quality = self._quality(embeddings.detach().norm(dim=1).clamp(1e-3, 100))
            losses = torch.zeros_like(quality)
            for person, weight in zip(labels.people.T, labels.weight.T, strict=True):
                right = self.margin.psi(cosines.gather(1, person[:, None])[:, 0], quality)
                logits = self.margin.s * cosines.scatter(1, person[:, None], right[:, None])
                losses = losses + weight * self._cross_entropy(logits, person)
            return losses

    def _cross_entropy(
        self, logits: Float[Tensor, "b p"], person: Int[Tensor, " b"]
    ) -> Float[Tensor, " b"]:
        """With the label (1 - alpha) [person] + alpha / p; torch's own refuses alpha < 0."""
        alpha, log_p = self.margin.smoothing, logits.log_softmax(1)
        right = log_p.gather(1, person[:, None])[:, 0]
        return -(1 - alpha) * right - alpha * log_p.mean(1)

    def _quality(self, norms: Float[Tensor, " b"]) -> Float[Tensor, " b"]:
        if self.training:
            mean, square = mean_over_processes(torch.stack((norms.mean(), norms.square().mean())))
            n = norms.numel()
            std = ((square - mean**2).clamp_min(0) * n / max(n - 1, 1)).sqrt()
            self.norm_mean.lerp_(mean, 1 - NORM_MOMENTUM)
            self.norm_std.lerp_(std, 1 - NORM_MOMENTUM)
        return (norms - self.norm_mean) / (self.norm_std + 1e-3)
