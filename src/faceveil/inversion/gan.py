"""A small GAN of public faces: what attacks search that look for likely faces only.

    critic       minimise  E max(0, 1 - D(T x)) + E max(0, 1 + D(T G(z))),   z ~ N(0, I), x public
    generator    minimise  -E D(T G(z))
    G(z) = sigmoid(logit(m + U z) + R(z))

Hinge losses, each layer of D normalised (Miyato et al., "Spectral normalization", ICLR 2018). T
reframes and relights by chance every picture that D sees, without which D would soon know a few
hundred faces by heart (Zhao et al., "Differentiable augmentation", NeurIPS 2020). What is kept is
the moving average of G.

Ours: the papers train on tens of thousands of faces for hours. Here m + U z are eigenfaces
(:mod:`~faceveil.inversion.eigenfaces`) and R, a DCGAN's generator (Radford et al., 2016), learns
what faces have beyond them; so hundreds of faces and minutes give something, if something blurred.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass
from typing import Generic, TypeVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from faceveil.core.config import Strict
from faceveil.core.ranges import Count, Natural, NonNegative, Positive
from faceveil.core.seeds import generator
from faceveil.inversion.descent import descend
from faceveil.inversion.eigenfaces import Gaussian, spanned
from faceveil.inversion.looks import reframed
from faceveil.inversion.networks import Critic, Upwards
from faceveil.inversion.problem import Problem

BETAS = (0.0, 0.99)
"""Of Adam: a critic's past gradients are about a generator that is no more."""

DECAY, SOON = 0.99, 10
"""Of the moving average; the first steps, times this number, count for less."""

LIGHT = 0.1
"""The deviation of brightness, in [0, 1]; of contrast, about 1, it is twice that."""


G_co = TypeVar("G_co", bound=nn.Module, covariant=True)
C_co = TypeVar("C_co", bound=nn.Module, covariant=True)


@dataclass(frozen=True)
class GanSettings(Strict):
    """How a GAN is trained.

    Attributes:
        latent: numbers in z.
        steps, batch, lr: of critic and generator in turn, by Adam.
        jitter: of T, see :func:`~faceveil.inversion.looks.reframed`.
    """

    latent: Count = 100
    steps: Natural = 600
    batch: Count = 16
    lr: Positive = 0.001
    jitter: NonNegative = 0.03


class Generator(nn.Module):
    """From z to faces in [0, 1]."""

    mean: Tensor
    directions: Tensor

    def __init__(self, latent: int, faces: Gaussian):
        super().__init__()
        self.register_buffer("mean", faces.mean)
        self.register_buffer("directions", faces.directions)
        colours, side_px = faces.mean.shape[:2]
        self.latent, self.rest = latent, Upwards(latent, side_px, colours)

    def forward(self, z: Float[Tensor, "b d"]) -> Float[Tensor, "b c s s"]:
        """Faces."""
        known = z[:, : len(self.directions)]
        span = self.mean + torch.einsum("nk,kchw->nchw", known, self.directions)
        return (span.clamp(0.02, 0.98).logit() + self.rest(z)).sigmoid()


class Gan(nn.Module, Generic[G_co, C_co]):
    """A generator and its critic."""

    def __init__(self, generator: G_co, critic: C_co):
        super().__init__()
        self.generator, self.critic = generator, critic


def public_gan(problem: Problem, settings: GanSettings) -> Gan[Generator, Critic]:
    """The GAN of the public faces, the same for every victim, person and attack."""
    faces = own_faces(problem)

    def build() -> Gan[Generator, Critic]:
        drawing = Generator(settings.latent, spanned(faces, settings.latent))
        return Gan(drawing, critic_of(faces, 1)).to(faces.device)

    def train(gan: Gan[Generator, Critic], seed: int) -> None:
        lots = Lots(settings, faces.device, seed)

        def critic_loss() -> Tensor:
            real = lots.shown(faces[lots.rows(len(faces))])
            with torch.no_grad():
                fake = lots.shown(gan.generator(lots.latents()))
            return hinge(gan.critic(real), gan.critic(fake))

        def generator_loss() -> Tensor:
            return -gan.critic(lots.shown(gan.generator(lots.latents()))).mean()

        alternate(gan, critic_loss, generator_loss, steps=settings.steps, lr=settings.lr)

    return problem.kept.trained(build, train, "gan", problem.fingerprint, str(astuple(settings)))


def own_faces(problem: Problem) -> Float[Tensor, "m c s s"]:
    """The public faces, in one channel where they are grey, where the victim computes."""
    return problem.public[:, : problem.n_colours].to(problem.victim.device)


def critic_of(faces: Float[Tensor, "m c s s"], n_scores: int) -> Critic:
    """A critic of such faces that knows nothing yet."""
    return Critic(faces.shape[-1], faces.shape[1], n_scores)


class Lots:
    """What chance decides in the training of a GAN.

    Args:
        settings: of the training.
        device: where it is.
        seed: of all draws.
    """

    def __init__(self, settings: GanSettings, device: torch.device, seed: int):
        self.settings, self.device, self.draw = settings, device, generator(seed)

    def rows(self, n: int) -> Int[Tensor, " b"]:
        """A batch of n."""
        return torch.randint(n, (self.settings.batch,), generator=self.draw).to(self.device)

    def latents(self) -> Float[Tensor, "b d"]:
        """A batch of z."""
        shape = (self.settings.batch, self.settings.latent)
        return torch.randn(shape, generator=self.draw).to(self.device)

    def shown(self, faces: Float[Tensor, "b c s s"]) -> Float[Tensor, "b c s s"]:
        """T of each face."""
        faces = reframed(faces, self.settings.jitter, self.draw)
        light = LIGHT * torch.randn(2, len(faces), 1, 1, 1, generator=self.draw).to(faces)
        return (faces - 0.5) * (1 + 2 * light[0]) + 0.5 + light[1]


def hinge(real: Float[Tensor, "*b"], fake: Float[Tensor, "*b"]) -> Float[Tensor, ""]:
    """The critic's loss: real faces are to score above 1, drawn ones below -1."""
    return F.relu(1 - real).mean() + F.relu(1 + fake).mean()


def alternate(
    gan: Gan[nn.Module, nn.Module],
    critic_loss: Callable[[], Float[Tensor, ""]],
    generator_loss: Callable[[], Float[Tensor, ""]],
    *,
    steps: int,
    lr: float,
) -> None:
    """Train both in turn, by Adam; the generator is left as the moving average of its steps."""
    of_critic, of_generator = (
        torch.optim.Adam(network.parameters(), lr=lr, betas=BETAS)
        for network in (gan.critic, gan.generator)
    )

    def follow(average: Tensor, value: Tensor, n: Tensor | int) -> Tensor:
        share = max(1 - DECAY, SOON / (SOON + int(n)))
        return average + share * (value - average)

    average = AveragedModel(gan.generator, avg_fn=follow, use_buffers=True)
    for _ in range(steps):
        descend(of_critic, critic_loss())
        descend(of_generator, generator_loss())
        average.update_parameters(gan.generator)
    gan.generator.load_state_dict(average.module.state_dict())
