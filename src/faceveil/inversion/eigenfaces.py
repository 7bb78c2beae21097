"""Inversion by eigenfaces: the likeliest face that the recogniser takes for the person.

Faces are taken for Gaussian, N(m, C), estimated on public ones (Turk, Pentland, "Eigenfaces for
recognition", 1991), and the most probable face with the person's embedding is looked for:

    x(z, r) = m + U z + sigma G r
    minimise  1 - cos(f(T x), c_t) + lambda (|z|^2 / k + |r|^2 / n)

U holds k principal directions times their deviations, so that z is N(0, 1); G is a narrow blur and
r, of n pixels, what no public face has; c_t is the person's centre; T mirrors, moves, turns and
scales by chance, in every step anew, because people are recognised however they are framed, and
noise is not.

Ours as a whole: the attack of :mod:`~faceveil.inversion.pixel_prior` with faces for a prior, which
needs a few dozen public photos where a GAN needs thousands. The mean of several searches is given:
what they agree on is the person, what they differ in is chance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from faceveil.core.ranges import Count, Natural, NonNegative, Positive
from faceveil.core.seeds import generator
from faceveil.inversion.attack import Attack, Threat
from faceveil.inversion.descent import descend
from faceveil.inversion.looks import reframed, smooth, smoother
from faceveil.inversion.problem import Problem

MOST_FACES = 500
"""More are not decomposed."""


class Gaussian(NamedTuple):
    """A mean face, and principal directions each as long as faces deviate along it."""

    mean: Float[Tensor, "c s s"]
    directions: Float[Tensor, "k c s s"]

    def at(self, z: Float[Tensor, "n k"]) -> Float[Tensor, "n c s s"]:
        """The faces so many deviations along each direction."""
        return self.mean + torch.einsum("nk,kchw->nchw", z, self.directions)


@dataclass(frozen=True)
class Eigenfaces(Attack):
    """Search the faces that public ones span.

    Attributes:
        components: principal directions, at most.
        detail: sigma: how far pixels may leave the span, in [0, 1].
        blur_px: deviation of the Gaussian G.
        prior: lambda.
        searches: of which the mean is given.
        steps: of each.
        lr: of Adam.
        jitter: how far T goes, see :func:`~faceveil.inversion.looks.reframed`.
    """

    name: ClassVar[str] = "eigenfaces"
    summary: ClassVar[str] = "the likeliest face among those that public ones span (ours)"
    threat: ClassVar[Threat] = "white-box"

    components: Count = 300
    detail: NonNegative = 0.1
    blur_px: NonNegative = 1.0
    prior: NonNegative = 0.02
    searches: Count = 4
    steps: Natural = 60
    lr: Positive = 0.1
    jitter: NonNegative = 0.02

    def reconstruct(self, problem: Problem) -> tuple[Float[Tensor, "1 3 s s"], Float[Tensor, " 1"]]:
        """The mean of the searches; its confidence is the cosine to the centre."""
        victim, draw = problem.victim, generator(problem.seed)
        centre = victim.centres[problem.person]
        faces = spanned(problem.public[:, : problem.n_colours].to(victim.device), self.components)
        blur = smoother(self.blur_px, victim.size_px)
        z = torch.randn(self.searches, len(faces.directions), generator=draw) / 2
        z = z.to(victim.device).requires_grad_()
        r = z.new_zeros(self.searches, *faces.mean.shape).requires_grad_()
        optimiser = torch.optim.Adam([z, r], lr=self.lr)

        def shown() -> Tensor:
            return faces.at(z) + self.detail * smooth(r, blur)

        for _ in range(self.steps):
            seen = reframed(shown(), self.jitter, draw).expand(-1, 3, -1, -1)
            unlike = 1 - victim.embed(seen) @ centre
            unlikely = z.square().mean(1) + r.square().flatten(1).mean(1)
            descend(optimiser, (unlike + self.prior * unlikely).sum())
        with torch.no_grad():
            image = shown().clamp(0, 1).mean(0, keepdim=True).expand(-1, 3, -1, -1)
            return image, cosine(problem, image)


def spanned(faces: Float[Tensor, "m c s s"], components: int) -> Gaussian:
    """The Gaussian of faces and their mirror images; of many, of some evenly taken from all."""
    some = faces[:: math.ceil(len(faces) / MOST_FACES)]
    both = torch.cat((some, some.flip(3)))
    mean = both.mean(0)
    _, sizes, directions = torch.linalg.svd((both - mean).flatten(1), full_matrices=False)
    deviations = sizes / len(both) ** 0.5
    chosen = slice(min(components, len(both) - 1))
    rows = deviations[chosen, None] * directions[chosen]
    return Gaussian(mean, rows.unflatten(1, faces.shape[1:]))


def cosine(problem: Problem, images: Float[Tensor, "n 3 s s"]) -> Float[Tensor, " n"]:
    """To the person's centre, of the mean embedding of each image and its mirror image."""
    embeddings = problem.victim.embed(images) + problem.victim.embed(images.flip(3))
    return F.normalize(embeddings) @ problem.victim.centres[problem.person]
