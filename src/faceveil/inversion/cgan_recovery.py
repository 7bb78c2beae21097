"""Recovery of faces from masked ones by a conditional GAN, beside the U-Net's.

    critic      minimise  E softplus(-D(x, M(x))) + E softplus(D(g(M(x)), M(x)))
    generator   minimise  E softplus(-D(g(M(x)), M(x))) + lambda E ||g(M(x)) - x||_1

Isola, Zhu, Zhou, Efros: "Image-to-Image Translation with Conditional Adversarial Networks" (CVPR
2017). g is a U-Net; D judges patches and is given the masked face too, so that what an L1 loss
leaves blurred becomes sharp, right or wrong. Ours: the U-Net is that of
:mod:`~faceveil.inversion.recovery`, D as small, its layers normalised.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from faceveil.core.ranges import NonNegative
from faceveil.inversion.gan import Gan, alternate
from faceveil.inversion.networks import PatchCritic, UNet
from faceveil.inversion.problem import Problem
from faceveil.inversion.recovery import TrainingRecovery, new_unet


@dataclass(frozen=True)
class CganRecovery(TrainingRecovery):
    """Undo the training mask, and make what comes of it look like a face.

    Attributes:
        likeness: lambda (paper 100).
    """

    name: ClassVar[str] = "cgan-recovery"
    summary: ClassVar[str] = "a conditional GAN undoes the training mask (Isola et al. 2017)"

    likeness: NonNegative = 100.0

    def _unet(self, problem: Problem) -> UNet:
        """g, the same for every person."""

        def build() -> Gan[UNet, PatchCritic]:
            n_channels = problem.victim.masking(0).n_channels + problem.n_colours
            critic = PatchCritic(n_channels).to(problem.victim.device)
            return Gan(new_unet(problem), critic)

        def train(gan: Gan[UNet, PatchCritic], seed: int) -> None:
            examples = self._examples(problem, seed)

            def critic_loss() -> Tensor:
                masked, wanted = next(examples)
                with torch.no_grad():
                    drawn = gan.generator(masked)
                real = F.softplus(-gan.critic(beside(wanted, masked))).mean()
                return real + F.softplus(gan.critic(beside(drawn, masked))).mean()

            def generator_loss() -> Tensor:
                masked, wanted = next(examples)
                drawn = gan.generator(masked)
                real = F.softplus(-gan.critic(beside(drawn, masked))).mean()
                return real + self.likeness * F.l1_loss(drawn, wanted)

            alternate(gan, critic_loss, generator_loss, steps=self.steps, lr=self.lr)

        return problem.kept.trained(build, train, self.name, *self._origin(problem)).generator


def beside(
    faces: Float[Tensor, "b c s s"], masked: Float[Tensor, "b d p p"]
) -> Float[Tensor, "b _ s s"]:
    """Faces and masked ones as channels of one picture."""
    return torch.cat((faces, F.interpolate(masked, faces.shape[-2:])), 1)
