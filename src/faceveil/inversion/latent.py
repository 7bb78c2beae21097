"""Searching the faces that a GAN draws for one that the recogniser takes for the person."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from faceveil.core.ranges import Count, Natural, NonNegative, Positive
from faceveil.core.seeds import generator
from faceveil.inversion.attack import Attack
from faceveil.inversion.descent import descend
from faceveil.inversion.gan import Gan, GanSettings, public_gan
from faceveil.inversion.looks import reframed
from faceveil.inversion.networks import Critic
from faceveil.inversion.problem import Problem

Objective = Callable[[Tensor, Tensor, torch.Generator], Tensor]
"""Of faces as the recogniser is shown them, the critic's scores of them, and a source of chance."""


@dataclass(frozen=True)
class LatentSearch(Attack):
    """Descend on a loss of z, the best of several searches kept.

    Every step looks at the faces reframed by chance, as an attacker may whatever the paper; without
    it what the recogniser is sure of need not look like anybody.

    Attributes:
        gan: how the GAN is trained.
        searches: from as many random z; all are given.
        steps, lr: of each, by Adam.
        jitter: of the views, see :func:`~faceveil.inversion.looks.reframed`.
    """

    gan: GanSettings = field(default_factory=GanSettings)
    searches: Count = 4
    steps: Natural = 100
    lr: Positive = 0.1
    jitter: NonNegative = 0.02

    def trained(self, problem: Problem) -> Gan[nn.Module, Critic]:
        """The GAN, trained at the first call."""
        return public_gan(problem, self.gan)

    def faces(
        self, gan: Gan[nn.Module, Critic], z: Float[Tensor, "n d"], problem: Problem
    ) -> Float[Tensor, "n c s s"]:
        """What the GAN draws for the person."""
        return gan.generator(z)

    @abstractmethod
    def objective(self, problem: Problem) -> Objective:
        """What is descended on; worked out once, then asked in every step."""

    @abstractmethod
    def guess(self, draw: torch.Generator) -> nn.Module:
        """z before the search, as a module that is searched."""

    def reconstruct(self, problem: Problem) -> tuple[Float[Tensor, "n 3 s s"], Float[Tensor, " n"]]:
        """The end of every search; the confidence is that of :func:`certainty`."""
        gan, objective = self.trained(problem), self.objective(problem)
        draw = generator(problem.seed)
        guess = self.guess(draw).to(problem.victim.device)
        optimiser = torch.optim.Adam(guess.parameters(), lr=self.lr)
        for _ in range(self.steps):
            faces = self.faces(gan, guess(draw), problem)
            seen = reframed(faces, self.jitter, draw).expand(-1, 3, -1, -1)
            descend(optimiser, objective(seen, gan.critic(faces), draw))
        with torch.no_grad():
            images = self.faces(gan, guess(draw), problem).expand(-1, 3, -1, -1)
            return images, certainty(problem, images)


@dataclass(frozen=True)
class PointSearch(LatentSearch):
    """Descend on z themselves.

    Attributes:
        bound: no number of z goes beyond, so that faces stay likely.
    """

    bound: Positive = 2.5

    def guess(self, draw: torch.Generator) -> nn.Module:
        """Half as far from 0 as the GAN was trained with."""
        return Points(torch.randn(self.searches, self.gan.latent, generator=draw) / 2, self.bound)


class Points(nn.Module):
    """Some z, each number within a bound."""

    def __init__(self, start: Float[Tensor, "n d"], bound: float):
        super().__init__()
        self.free, self.bound = nn.Parameter(start), bound

    def forward(self, draw: torch.Generator) -> Float[Tensor, "n d"]:
        """They themselves, whatever is drawn."""
        return self.bound * (self.free / self.bound).tanh()


def certainty(problem: Problem, images: Float[Tensor, "n 3 s s"]) -> Float[Tensor, " n"]:
    """The logarithm of p_t of each image, on average with its mirror image's."""
    both = problem.victim.logits(torch.cat((images, images.flip(3)))).log_softmax(1)
    ours, mirrored = both[:, problem.person].chunk(2)
    return (ours + mirrored) / 2


def cross_entropy(problem: Problem, images: Float[Tensor, "n 3 s s"]) -> Float[Tensor, ""]:
    """- log p_t, on average."""
    people = torch.full((len(images),), problem.person, device=images.device)
    return F.cross_entropy(problem.victim.logits(images), people)
