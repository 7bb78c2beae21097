"""Embedding inversion: a decoder, trained on public faces, from embeddings back to faces.

    minimise over G:  E ||G(e) - x||_1 + 1 - cos(f(G(e)), e),   e = f(x), x public

After Mai et al., "On the reconstruction of face images from deep face templates" (TPAMI 2019). Once
trained, the decoder turns any embedding into a face: a stolen template, or a person's centre in the
head of a stolen recogniser, which is the mean of all their training photos.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import astuple, dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from faceveil.core.errors import UsageError
from faceveil.core.ranges import Count, Natural, NonNegative, Positive
from faceveil.core.seeds import generator
from faceveil.inversion.attack import Attack, Threat
from faceveil.inversion.descent import fit
from faceveil.inversion.looks import reframed
from faceveil.inversion.networks import Decoder
from faceveil.inversion.problem import Problem


@dataclass(frozen=True)
class EmbeddingInversion(Attack):
    """Decode an embedding.

    Attributes:
        steps, batch, lr: of the decoder's training, by Adam.
        identity: weight of the cosine term.
        jitter: of the training faces, see :func:`~faceveil.inversion.looks.reframed`.
    """

    steps: Natural = 400
    batch: Count = 16
    lr: Positive = 0.002
    identity: NonNegative = 1.0
    jitter: NonNegative = 0.02

    @abstractmethod
    def embedding(self, problem: Problem) -> Float[Tensor, " d"]:
        """What there is of the person."""

    def reconstruct(self, problem: Problem) -> tuple[Float[Tensor, "1 3 s s"], Float[Tensor, " 1"]]:
        """The decoded face; its confidence is the cosine of its embedding to the one decoded."""
        embedding = self.embedding(problem)[None]
        decoder = self._decoder(problem)
        with torch.no_grad():
            image = decoder(embedding).expand(-1, 3, -1, -1)
            return image, (problem.victim.embed(image) * embedding).sum(1)

    def _decoder(self, problem: Problem) -> Decoder:
        """The decoder, the same for every person, and for templates and centres."""
        victim, n_colours = problem.victim, problem.n_colours

        def build() -> Decoder:
            size = victim.centres.shape[1]
            return Decoder(size, victim.size_px, n_colours).to(victim.device)

        def train(decoder: Decoder, seed: int) -> None:
            draw = generator(seed)

            def loss_of(step: int) -> Tensor:
                chosen = torch.randint(len(problem.public), (self.batch,), generator=draw)
                faces = reframed(problem.public[chosen].to(victim.device), self.jitter, draw)
                with torch.no_grad():
                    embeddings = victim.embed(faces)
                decoded = decoder(embeddings)
                again = victim.embed(decoded.expand(-1, 3, -1, -1))
                unlike = 1 - (again * embeddings).sum(1).mean()
                return F.l1_loss(decoded, faces[:, :n_colours]) + self.identity * unlike

            fit(decoder, loss_of, steps=self.steps, lr=self.lr)

        origin = (victim.fingerprint, problem.fingerprint, str(astuple(self)))
        return problem.kept.trained(build, train, "decoder", *origin)


@dataclass(frozen=True)
class TemplateInversion(EmbeddingInversion):
    """Decode a stolen template: the embedding of one photo."""

    name: ClassVar[str] = "template"
    summary: ClassVar[str] = "decode a stolen embedding of one photo (after Mai et al. 2019)"
    threat: ClassVar[Threat] = "template"

    def embedding(self, problem: Problem) -> Float[Tensor, " d"]:
        """The template."""
        if problem.template is None:
            raise UsageError(f"{self.name}: no template of the person has leaked.")
        return problem.template.to(problem.victim.device)


@dataclass(frozen=True)
class CentreInversion(EmbeddingInversion):
    """Decode a person's centre, which a stolen head holds."""

    name: ClassVar[str] = "centre"
    summary: ClassVar[str] = "decode the centre that the head keeps of the person"
    threat: ClassVar[Threat] = "white-box"

    def embedding(self, problem: Problem) -> Float[Tensor, " d"]:
        """The centre."""
        return problem.victim.centres[problem.person]
