"""Inversion by probabilities alone: eigenfaces climbed by a natural evolution strategy.

The gradient of an objective that can only be asked about is estimated from pairs of opposite steps
(Wierstra, Schaul, Glasmachers, Sun, Peters, Schmidhuber, "Natural evolution strategies", JMLR 2014;
with queries of a classifier, Ilyas, Engstrom, Athalye, Lin, "Black-box adversarial attacks with
limited queries and information", ICML 2018):

    maximise  J(z) = log p_t - log sum_{j != t} p_j - lambda |z|^2 / k,   p = p(T x(z))
    z <- z + Adam of  1/N sum_n w_n u_n,   u_n ~ N(0, 1) and -u_n,   w_n = J(z + sigma u_n), scaled

The odds of t grow on where p_t is all but 1: a softmax does not hide how sure a recogniser is.

x(z) = m + U z, the faces that public ones span, and T are those of
:mod:`~faceveil.inversion.eigenfaces`. Ours: the span, which asks for a few hundred numbers where a
GAN asks for a hard search; one T for all of a step's questions, so that they differ by z alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.ranges import Count, Natural, NonNegative, Positive
from faceveil.core.seeds import generator
from faceveil.inversion.attack import Attack, Threat
from faceveil.inversion.eigenfaces import spanned
from faceveil.inversion.looks import reframed
from faceveil.inversion.problem import Problem

_TINY = torch.finfo(torch.float32).tiny
"""What a probability is taken for that the recogniser's answer rounds to 0."""


@dataclass(frozen=True)
class Nes(Attack):
    """Ask around a face, and go where the answers get surer.

    A person costs ``2 * pairs * steps * searches`` questions.

    Attributes:
        components: principal directions, at most.
        pairs: N / 2, a step.
        spread: sigma, in deviations of public faces.
        prior: lambda.
        searches: of which the mean is given.
        steps: of each.
        lr: of Adam.
        jitter: how far T goes, see :func:`~faceveil.inversion.looks.reframed`.
    """

    name: ClassVar[str] = "nes"
    summary: ClassVar[str] = "eigenfaces by probabilities alone (after Ilyas et al. 2018)"
    threat: ClassVar[Threat] = "black-box"

    components: Count = 100
    pairs: Count = 16
    spread: Positive = 0.3
    prior: NonNegative = 0.5
    searches: Count = 2
    steps: Natural = 100
    lr: Positive = 0.1
    jitter: NonNegative = 0.02

    def reconstruct(self, problem: Problem) -> tuple[Float[Tensor, "1 3 s s"], Float[Tensor, " 1"]]:
        """The mean of the searches; its confidence is the logarithm of the odds."""
        draw, device = generator(problem.seed), problem.victim.device
        faces = spanned(problem.public[:, : problem.n_colours].to(device), self.components)
        z = torch.randn(self.searches, len(faces.directions), generator=draw).to(device) / 2
        optimiser = torch.optim.Adam([z], lr=self.lr, maximize=True)
        for _ in range(self.steps):
            u = torch.randn(self.searches, self.pairs, z.shape[1], generator=draw).to(device)
            asked = z[:, None] + self.spread * torch.cat((u, -u), 1)
            # All are the channels of one picture, which has one view.
            side_by_side = faces.at(asked.flatten(0, 1)).flatten(0, 1)[None]
            seen = reframed(side_by_side, self.jitter, draw)[0].view(-1, *faces.mean.shape)
            sure = odds(problem, seen.expand(-1, 3, -1, -1)).view(asked.shape[:2])
            worth = sure - self.prior * asked.square().mean(2)
            gain = worth[:, : self.pairs] - worth[:, self.pairs :]
            scale = worth.std(1, keepdim=True).clamp_min(_TINY)
            z.grad = torch.einsum("sn,snk->sk", gain / scale, u) / self.pairs
            optimiser.step()
        image = faces.at(z).clamp(0, 1).mean(0, keepdim=True).expand(-1, 3, -1, -1)
        return image, odds(problem, torch.cat((image, image.flip(3)))).mean(0, keepdim=True)


def odds(problem: Problem, images: Float[Tensor, "n 3 s s"]) -> Float[Tensor, " n"]:
    """The logarithm of the odds that each shows the person and nobody else."""
    p = problem.victim.probabilities(images).clamp_min(_TINY)
    ours = p[:, problem.person]
    others = torch.cat((p[:, : problem.person], p[:, problem.person + 1 :]), 1).sum(1)
    return ours.log() - others.log()
