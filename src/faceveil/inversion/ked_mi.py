"""KED-MI: a GAN that is told what the recogniser knows, and a distribution of z for each person.

Chen, Kahla, Jia, Qi: "Knowledge-Enriched Distributional Model Inversion Attacks" (ICCV 2021). The
critic scores every person the recogniser knows, and says how real a face is by all its scores l
together (Salimans et al., 2016), so that it learns from the recogniser's answers p about public x:

    log D(x) = lse(l(x)) - softplus(lse(l(x))),   lse = log sum exp
    critic      minimise  -E sum_k p_k(x) log softmax_k(l(x))
                          - [E log D(x) + E log(1 - D(G(z)))] / 2
    generator   minimise  |E h(x) - E h(G(z))|^2 + eta H(softmax(l(G(z))))
    minimise over m and s:  E -log D(G(z)) + lambda CE(f(G(z)), t),   z = m + s e, e ~ N(0, I)

h is what l is linear in, H entropy. Ours: the generator begins as that of the shared GAN
(:mod:`~faceveil.inversion.gan`), so a few hundred steps teach it; every picture the critic sees is
reframed and relit.
"""

from __future__ import annotations

import copy
from dataclasses import astuple, dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

from faceveil.core.ranges import Natural, NonNegative
from faceveil.inversion.attack import Threat
from faceveil.inversion.gan import Gan, Generator, Lots, alternate, critic_of, own_faces, public_gan
from faceveil.inversion.latent import LatentSearch, Objective, cross_entropy
from faceveil.inversion.networks import Critic
from faceveil.inversion.problem import Problem


@dataclass(frozen=True)
class KedMi(LatentSearch):
    """Search a distribution of faces.

    Attributes:
        tuning: steps in which critic and generator learn what the recogniser knows.
        identity: lambda (paper 100).
        entropy: eta (the authors' code 1e-4).
        searches: draws of z in every step; as many are given in the end.
    """

    name: ClassVar[str] = "ked-mi"
    summary: ClassVar[str] = "search a GAN told what the recogniser knows (Chen et al. 2021)"
    threat: ClassVar[Threat] = "white-box"

    tuning: Natural = 200
    identity: NonNegative = 100.0
    entropy: NonNegative = 1e-4

    def trained(self, problem: Problem) -> Gan[Generator, Critic]:
        """The GAN that knows, the same for every person."""
        shared, victim = public_gan(problem, self.gan), problem.victim
        faces = own_faces(problem)

        def build() -> Gan[Generator, Critic]:
            drawing = copy.deepcopy(shared.generator).requires_grad_(requires_grad=True)
            return Gan(drawing, critic_of(faces, len(victim.people)).to(faces.device))

        def train(gan: Gan[Generator, Critic], seed: int) -> None:
            answers = victim.probabilities(faces.expand(-1, 3, -1, -1))
            lots = Lots(self.gan, faces.device, seed)

            def critic_loss() -> Tensor:
                rows = lots.rows(len(faces))
                real = gan.critic(lots.shown(faces[rows]))
                with torch.no_grad():
                    drawn = lots.shown(gan.generator(lots.latents()))
                known = F.cross_entropy(real, answers[rows])
                fake = F.softplus(gan.critic(drawn).logsumexp(1)).mean()
                return known + (fake - log_real(real).mean()) / 2

            def generator_loss() -> Tensor:
                drawn = gan.critic.features(lots.shown(gan.generator(lots.latents())))
                with torch.no_grad():
                    real = gan.critic.features(lots.shown(faces[lots.rows(len(faces))]))
                unlike = F.mse_loss(drawn.mean(0), real.mean(0))
                log_p = gan.critic.last(drawn).log_softmax(1)
                return unlike - self.entropy * (log_p.exp() * log_p).sum(1).mean()

            alternate(gan, critic_loss, generator_loss, steps=self.tuning, lr=self.gan.lr)

        settings = (self.tuning, self.entropy, astuple(self.gan))
        origin = (victim.fingerprint, problem.fingerprint, str(settings))
        return problem.kept.trained(build, train, self.name, *origin)

    def guess(self, draw: torch.Generator) -> nn.Module:
        """m and s, standard normal at first."""
        return Spread(self.searches, self.gan.latent)

    def objective(self, problem: Problem) -> Objective:
        """Prior loss and identity loss."""

        def loss(images: Tensor, scores: Tensor, draw: torch.Generator) -> Tensor:
            return self.identity * cross_entropy(problem, images) - log_real(scores).mean()

        return loss


class Spread(nn.Module):
    """A normal distribution of z, its numbers independent."""

    def __init__(self, n: int, latent: int):
        super().__init__()
        self.n = n
        self.mean, self.log_deviation = (nn.Parameter(torch.zeros(latent)) for _ in range(2))

    def forward(self, draw: torch.Generator) -> Float[Tensor, "n d"]:
        """Draws from it."""
        e = torch.randn(self.n, len(self.mean), generator=draw).to(self.mean)
        return self.mean + self.log_deviation.exp() * e


def log_real(scores: Float[Tensor, "n k"]) -> Float[Tensor, " n"]:
    """log D."""
    total = scores.logsumexp(1)
    return total - F.softplus(total)
