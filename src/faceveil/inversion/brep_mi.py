"""BREP-MI: inversion by labels alone; away from wherever the recogniser sees somebody else.

Kahla, Chen, Just, Jia: "Label-Only Model Inversion Attacks via Boundary Repulsion" (CVPR 2022),
algorithm 1, in the latent space of a GAN:

    z = a draw that is taken for t
    M = 1/N sum_n Phi(z + R u_n) u_n,   u_n on the unit sphere, Phi = 0 if taken for t, else -1
    all N taken for t:  keep z, R <- gamma R        otherwise:  z <- z + alpha M / |M|

Of two z the one with the wider sphere around it, all of which is taken for t, is more typical of t.

The GAN is that of :mod:`~faceveil.inversion.gan`. Ours: numbers of z are kept within a bound, since
far out anything is taken for somebody; alpha is a share of R; where no draw is taken for t, there
is nothing to begin with, and the mean public face is given with a confidence of 0.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Annotated, ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor

from faceveil.core.ranges import Count, Natural, Positive, Range
from faceveil.core.seeds import generator
from faceveil.inversion.attack import Attack, Threat
from faceveil.inversion.gan import Gan, GanSettings, Generator, public_gan
from faceveil.inversion.networks import Critic
from faceveil.inversion.problem import Problem
from faceveil.training.learner import AT_ONCE


@dataclass(frozen=True)
class BrepMi(Attack):
    """Climb away from the boundary.

    Attributes:
        gan: how the GAN is trained.
        draws: z tried for a first one that is taken for the person, at most.
        points: N (paper 32).
        steps: spheres asked about.
        radius: R at first (paper 2).
        widening: gamma (paper 1.3).
        stride: alpha, as a share of R (authors' code 1/3).
        bound: no number of z goes beyond.
    """

    name: ClassVar[str] = "brep-mi"
    summary: ClassVar[str] = "boundary repulsion by labels alone (Kahla et al. 2022)"
    threat: ClassVar[Threat] = "label-only"

    gan: GanSettings = field(default_factory=GanSettings)
    draws: Count = 1024
    points: Count = 32
    steps: Natural = 100
    radius: Positive = 2.0
    widening: Annotated[float, Range(1, open_low=True)] = 1.3
    stride: Positive = 1 / 3
    bound: Positive = 2.5

    def reconstruct(self, problem: Problem) -> tuple[Float[Tensor, "1 3 s s"], Float[Tensor, " 1"]]:
        """The z of the widest sphere; its confidence is the radius."""
        gan, draw = public_gan(problem, self.gan), generator(problem.seed)
        z = self._first(gan, problem, draw)
        if z is None:
            return problem.public.mean(0, keepdim=True), torch.zeros(1)
        best, widest, radius = z, 0.0, self.radius
        for _ in range(self.steps):
            u = F.normalize(torch.randn(self.points, self.gan.latent, generator=draw)).to(z)
            right = taken(gan, problem, (z + radius * u).clamp(-self.bound, self.bound))
            if right.all():
                best, widest = z, radius
                radius *= self.widening
                continue
            away = -(u * ~right[:, None]).mean(0)
            stride = self.stride * radius * F.normalize(away, dim=0)
            z = (z + stride).clamp(-self.bound, self.bound)
        with torch.no_grad():
            image = gan.generator(best[None]).expand(-1, 3, -1, -1)
        return image, torch.tensor([widest])

    def _first(
        self, gan: Gan[Generator, Critic], problem: Problem, draw: torch.Generator
    ) -> Float[Tensor, " d"] | None:
        """The first draw that is taken for the person."""
        for at in range(0, self.draws, AT_ONCE):
            shape = (min(AT_ONCE, self.draws - at), self.gan.latent)
            z = torch.randn(shape, generator=draw).to(problem.victim.device)
            if len(found := z[taken(gan, problem, z)]):
                return found[0]
        return None


@torch.no_grad()
def taken(
    gan: Gan[Generator, Critic], problem: Problem, z: Float[Tensor, "n d"]
) -> Bool[Tensor, " n"]:
    """Whether the recogniser takes what the GAN draws for the person."""
    faces = gan.generator(z).expand(-1, 3, -1, -1)
    return problem.victim.labels(faces) == problem.person
