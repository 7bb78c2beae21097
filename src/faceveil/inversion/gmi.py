"""GMI, the first inversion with a GAN: a likely face of which the recogniser is sure.

Zhang, Jia, Pei, Wang, Li, Song: "The Secret Revealer: Generative Model-Inversion Attacks Against
Deep Neural Networks" (CVPR 2020), equation 3:

    minimise over z:  -D(G(z)) + lambda CE(f(G(z)), t)

The GAN is that of :mod:`~faceveil.inversion.gan`; what is ours about a search is said in
:mod:`~faceveil.inversion.latent`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from faceveil.core.ranges import NonNegative
from faceveil.inversion.attack import Threat
from faceveil.inversion.latent import Objective, PointSearch, cross_entropy
from faceveil.inversion.problem import Problem


@dataclass(frozen=True)
class Gmi(PointSearch):
    """Search the latent space.

    Attributes:
        identity: lambda (paper 100).
    """

    name: ClassVar[str] = "gmi"
    summary: ClassVar[str] = "search a GAN of public faces (Zhang et al. 2020)"
    threat: ClassVar[Threat] = "white-box"

    identity: NonNegative = 100.0

    def objective(self, problem: Problem) -> Objective:
        """Prior loss and identity loss."""
        unlike = self.identity_loss(problem)

        def loss(images: Tensor, scores: Tensor, draw: torch.Generator) -> Tensor:
            return self.identity * unlike(images, draw) - scores.mean()

        return loss

    def identity_loss(self, problem: Problem) -> Callable[[Tensor, torch.Generator], Tensor]:
        """How far the recogniser is from taking images for the person."""

        def loss(images: Tensor, draw: torch.Generator) -> Tensor:
            return cross_entropy(problem, images)

        return loss
