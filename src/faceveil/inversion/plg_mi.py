"""PLG-MI: a GAN conditioned on the recogniser's people by pseudo-labels, and a max-margin loss.

Yuan, Chen, Zhang, Zhang, Yu: "Pseudo Label-Guided Model Inversion Attack via Conditional Generative
Adversarial Network" (AAAI 2023). Of the public faces, the n that the recogniser takes most for
person y are theirs, whoever they show; equations 2 to 6:

    L_MM(x, y) = -l_y(x) + max over j != y of l_j(x),   l the recogniser's logits
    critic      minimise  E max(0, 1 - D(T x, y)) + E max(0, 1 + D(T G(z, y), y))
    generator   minimise  -E D(T G(z, y), y) + alpha E L_MM(T G(z, y), y)
    minimise over z:  L_MM(G(z, t), t)

Ours: the generator begins as that of the shared GAN (:mod:`~faceveil.inversion.gan`) and is told y
by a place z is moved to, G(z + e_y), e_y at first 0; the critic gives a score for every y. Logits
are cosines times the recogniser's scale, so in training L_MM is divided by that.
"""

from __future__ import annotations

import copy
from dataclasses import astuple, dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from faceveil.core.ranges import Count, Natural, NonNegative
from faceveil.inversion.attack import Threat
from faceveil.inversion.gan import (
    Gan,
    Lots,
    alternate,
    critic_of,
    hinge,
    own_faces,
    public_gan,
)
from faceveil.inversion.latent import Objective, PointSearch
from faceveil.inversion.networks import Critic
from faceveil.inversion.problem import Problem


@dataclass(frozen=True)
class PlgMi(PointSearch):
    """Search a conditional GAN.

    Attributes:
        tuning: steps in which critic and generator learn who is who.
        labelled: n (paper 30).
        margin: alpha (paper 0.2).
    """

    name: ClassVar[str] = "plg-mi"
    summary: ClassVar[str] = "search a GAN conditioned by pseudo-labels (Yuan et al. 2023)"
    threat: ClassVar[Threat] = "white-box"

    tuning: Natural = 200
    labelled: Count = 30
    margin: NonNegative = 0.2

    def trained(self, problem: Problem) -> Gan[Told, Critic]:
        """The conditional GAN, the same for every person."""
        shared, victim = public_gan(problem, self.gan), problem.victim
        faces, n_people = own_faces(problem), len(victim.people)

        def build() -> Gan[Told, Critic]:
            drawing = copy.deepcopy(shared.generator).requires_grad_(requires_grad=True)
            told = Told(drawing, n_people, self.gan.latent)
            return Gan(told, critic_of(faces, n_people)).to(faces.device)

        def train(gan: Gan[Told, Critic], seed: int) -> None:
            answers = victim.probabilities(faces.expand(-1, 3, -1, -1))
            alike = answers.topk(min(self.labelled, len(faces)), 0).indices
            lots = Lots(self.gan, faces.device, seed)

            def judged(pictures: Tensor, people: Tensor) -> Tensor:
                return gan.critic(pictures).gather(1, people[:, None])[:, 0]

            def drawn() -> tuple[Tensor, Tensor]:
                people = lots.rows(n_people)
                return lots.shown(gan.generator(lots.latents(), people)), people

            def critic_loss() -> Tensor:
                people = lots.rows(n_people)
                real = lots.shown(faces[alike[lots.rows(len(alike)), people]])
                with torch.no_grad():
                    fake, asked = drawn()
                return hinge(judged(real, people), judged(fake, asked))

            def generator_loss() -> Tensor:
                fake, people = drawn()
                cosines = victim.embed(fake.expand(-1, 3, -1, -1)) @ victim.centres.T
                return self.margin * short_of(cosines, people) - judged(fake, people).mean()

            alternate(gan, critic_loss, generator_loss, steps=self.tuning, lr=self.gan.lr)

        settings = (self.tuning, self.labelled, self.margin, astuple(self.gan))
        origin = (victim.fingerprint, problem.fingerprint, str(settings))
        return problem.kept.trained(build, train, self.name, *origin)

    def faces(
        self, gan: Gan[nn.Module, Critic], z: Float[Tensor, "n d"], problem: Problem
    ) -> Float[Tensor, "n c s s"]:
        """What the GAN draws when told of the person."""
        people = torch.full((len(z),), problem.person, device=z.device)
        return gan.generator(z, people)

    def objective(self, problem: Problem) -> Objective:
        """The max-margin loss."""

        def loss(images: Tensor, scores: Tensor, draw: torch.Generator) -> Tensor:
            people = torch.full((len(images),), problem.person, device=images.device)
            return short_of(problem.victim.logits(images), people)

        return loss


class Told(nn.Module):
    """A generator with a place for every person, which z is moved to."""

    def __init__(self, generator: nn.Module, n_people: int, latent: int):
        super().__init__()
        self.generator = generator
        self.places = nn.Parameter(torch.zeros(n_people, latent))

    def forward(
        self, z: Float[Tensor, "b d"], people: Int[Tensor, " b"]
    ) -> Float[Tensor, "b c s s"]:
        """Faces."""
        return self.generator(z + self.places[people])


def short_of(logits: Float[Tensor, "b p"], people: Int[Tensor, " b"]) -> Float[Tensor, ""]:
    """L_MM, on average: how far each person's logit is below the best of others."""
    own = people[:, None]
    others = logits.scatter(1, own, -torch.inf).amax(1)
    return (others - logits.gather(1, own)[:, 0]).mean()
