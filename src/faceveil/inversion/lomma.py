"""LOMMA: a loss that does not saturate, and students of the recogniser to agree with.

Nguyen, Chandrasegaran, Abdollahzadeh, Cheung: "Re-thinking Model Inversion Attacks Against Deep
Neural Networks" (CVPR 2023). The logit stands for the cross-entropy of GMI, a regulariser keeps the
features p usual (equation 4), and n students, distilled on public faces, are asked beside the
recogniser (equation 6):

    L(f) = -p w_t + lambda |p - p_reg|^2,   p_reg ~ N(m, s), mean and deviation over public faces
    minimise over z:  -D(G(z)) + mu mean of L(f), L(f_1), ..., L(f_n)

Here p is the embedding, of unit length, and w_t the person's centre, so that the logit is their
cosine. Ours: students are small and learn embeddings, 1 - cos(f_i(x), f(x)), because so few public
faces tell little by their probabilities; they share the recogniser's centres.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from faceveil.core.ranges import Natural, NonNegative, Positive
from faceveil.inversion.attack import Threat
from faceveil.inversion.descent import fit
from faceveil.inversion.gan import Lots
from faceveil.inversion.gmi import Gmi
from faceveil.inversion.networks import Encoder
from faceveil.inversion.problem import Problem
from faceveil.training.learner import AT_ONCE


@dataclass(frozen=True)
class Lomma(Gmi):
    """GMI with another loss of identity.

    Attributes:
        identity: mu.
        regulariser: lambda.
        students: n (paper 3).
        lessons, rate: steps a student learns, by Adam, and its learning rate.
    """

    name: ClassVar[str] = "lomma"
    summary: ClassVar[str] = "a GAN, logits and students of the recogniser (Nguyen et al. 2023)"
    threat: ClassVar[Threat] = "white-box"

    regulariser: NonNegative = 0.4
    students: Natural = 2
    lessons: Natural = 150
    rate: Positive = 0.003

    def identity_loss(self, problem: Problem) -> Callable[[Tensor, torch.Generator], Tensor]:
        """The mean of L over recogniser and students."""
        victim, known = problem.victim, self._taught(problem)
        centre = victim.centres[problem.person]

        def loss(images: Tensor, draw: torch.Generator) -> Tensor:
            losses = []
            for features in (victim.embed(images), *known(images)):
                usual = torch.randn(features.shape, generator=draw).to(features)
                unusual = features - known.mean - known.deviation * usual
                losses.append(self.regulariser * unusual.square().sum(1) - features @ centre)
            return torch.stack(losses).mean()

        return loss

    def _taught(self, problem: Problem) -> Students:
        """The students, the same for every person."""
        victim, faces = problem.victim, problem.public.to(problem.victim.device)

        def build() -> Students:
            size = victim.centres.shape[1]
            return Students(self.students, victim.size_px, size).to(victim.device)

        def train(students: Students, seed: int) -> None:
            lots = Lots(self.gan, faces.device, seed)
            with torch.no_grad():
                known = torch.cat([victim.embed(some) for some in torch.split(faces, AT_ONCE)])
            students.mean.copy_(known.mean(0))
            students.deviation.copy_(known.std(0))

            def loss_of(step: int) -> Tensor:
                rows = lots.rows(len(faces))
                answers = students(lots.shown(faces[rows]))
                unlike = [1 - (answer * known[rows]).sum(1).mean() for answer in answers]
                return torch.stack(unlike).sum()

            if self.students:
                fit(students, loss_of, steps=self.lessons, lr=self.rate)

        settings = (self.students, self.lessons, self.rate, self.gan.batch, self.gan.jitter)
        origin = (victim.fingerprint, problem.fingerprint, str(settings))
        return problem.kept.trained(build, train, "students", *origin)


class Students(nn.Module):
    """Networks that learnt to embed as the recogniser does.

    Attributes:
        mean, deviation: of the recogniser's embeddings of public faces.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(self, n: int, side_px: int, embedding_size: int):
        super().__init__()
        self.encoders = nn.ModuleList(Encoder(side_px, embedding_size) for _ in range(n))
        for name in ("mean", "deviation"):
            self.register_buffer(name, torch.zeros(embedding_size))

    def forward(self, images: Float[Tensor, "b 3 s s"]) -> list[Float[Tensor, "b d"]]:
        """The unit vectors of each."""
        return [F.normalize(encoder(images)) for encoder in self.encoders]
