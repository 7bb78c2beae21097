"""Recovery of faces from masked ones, by a U-Net trained on public faces under fresh masks.

    minimise over g:  E ||g(M(x)) - x||_1,   x public, M with draws of its own in every step

The attacker holds the recogniser, so knows the mask's procedure and statistics, but not the key of
its draws; and holds the masked faces of all epochs, with the labels stored beside them. Of a mix of
several people's faces, g is asked for the one with the largest share.

This is how defences that mask what they train on are judged (Mi et al., PartialFace, ICCV 2023).
Two things can leak, and a defence may hide one and not the other: what a recogniser was *trained*
on (the training mask), and what it is *asked* (the inference mask).
"""

from __future__ import annotations

import hashlib
import itertools
from abc import abstractmethod
from collections.abc import Iterator
from dataclasses import astuple, dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from faceveil.core.errors import UsageError
from faceveil.core.ranges import Count, Natural, NonNegative, Positive
from faceveil.core.seeds import derive, generator
from faceveil.inversion.attack import Attack, Threat
from faceveil.inversion.descent import fit
from faceveil.inversion.leaks import as_in_training, plainest, shares_of, whole
from faceveil.inversion.looks import reframed
from faceveil.inversion.networks import UNet
from faceveil.inversion.problem import Problem
from faceveil.inversion.victim import Victim
from faceveil.training.defence import Labels, Masked, Masking

N_ALIKE = 16
"""Draws of two masks that have to do the same to the same faces for the masks to be alike."""


@dataclass(frozen=True)
class Unmasking(Attack):
    """Undo a mask.

    Attributes:
        steps, batch, lr: of the U-Net's training, by Adam.
        jitter: of the training faces, see :func:`~faceveil.inversion.looks.reframed`.
    """

    steps: Natural = 400
    batch: Count = 16
    lr: Positive = 0.002
    jitter: NonNegative = 0.02

    def gathered(self, leak: Iterator[Masked]) -> Masked:
        """What of everything that leaked is worth keeping; by default all."""
        return whole(leak)

    @abstractmethod
    def evidence(self, problem: Problem) -> tuple[Float[Tensor, "n c p p"], Float[Tensor, " n"]]:
        """What is undone, and how much of it is the person."""

    @abstractmethod
    def mask(
        self,
        masking: Masking,
        faces: Float[Tensor, "b 3 s s"],
        people: Int[Tensor, " b"],
        seed: int,
    ) -> Masked:
        """The mask that is to be undone, at work."""

    def obstacle(self, victim: Victim) -> str | None:
        """Nothing stands in front of the backbone."""
        if victim.masked:
            return None
        return (
            f"{self.name} undoes the mask a recogniser was trained with, and {victim.name} is an "
            "imported file that tells of none: name the folder of a run of faceveil train."
        )

    def reconstruct(self, problem: Problem) -> tuple[Float[Tensor, "n 3 s s"], Float[Tensor, " n"]]:
        """The evidence undone; the confidence is how much of it is the person."""
        inputs, share = self.evidence(problem)
        network = self._unet(problem)
        with torch.no_grad():
            images = network(inputs.to(problem.victim.device))
        return images.expand(-1, 3, -1, -1), share

    def _unet(self, problem: Problem) -> UNet:
        """The U-Net, the same for every person."""

        def train(network: UNet, seed: int) -> None:
            examples = self._examples(problem, seed)

            def loss_of(step: int) -> Tensor:
                masked, wanted = next(examples)
                return F.l1_loss(network(masked), wanted)

            fit(network, loss_of, steps=self.steps, lr=self.lr)

        origin = self._origin(problem)
        return problem.kept.trained(lambda: new_unet(problem), train, self.name, *origin)

    def _origin(self, problem: Problem) -> tuple[str, str, str]:
        """What decides what the U-Net becomes: victims whose masks are alike share it."""
        victim, digest = problem.victim, hashlib.sha256()
        faces = problem.public[: self.batch].to(victim.device)
        masking, own = victim.masking(0), torch.arange(len(faces), device=victim.device)
        with torch.no_grad():
            for seed in range(N_ALIKE):
                masked = self.mask(masking, faces, own, seed)
                for values in (masked.inputs, *masked.labels):
                    digest.update(values.cpu().contiguous().numpy().tobytes())
        return digest.hexdigest(), problem.fingerprint, str(astuple(self))

    def _examples(self, problem: Problem, seed: int) -> Iterator[tuple[Tensor, Tensor]]:
        """Batches without end: public faces masked, and what should come of them."""
        victim, n_colours = problem.victim, problem.n_colours
        draw, masking = generator(seed), victim.masking(seed)
        for step in itertools.count():
            chosen = torch.randint(len(problem.public), (self.batch,), generator=draw)
            faces = reframed(problem.public[chosen].to(victim.device), self.jitter, draw)
            own = torch.arange(len(faces), device=victim.device)
            with torch.no_grad():
                masked = self.mask(masking, faces, own, derive(seed, step))
            yield masked.inputs, faces[largest(masked.labels), :n_colours]


@dataclass(frozen=True)
class RowRecovery(Unmasking):
    """Undo the mask of some leaked faces, each by itself.

    Attributes:
        candidates: leaked faces of the person that are undone: those with the largest shares.
    """

    candidates: Count = 1

    def gathered(self, leak: Iterator[Masked]) -> Masked:
        """Everybody's candidates."""
        return plainest(leak, self.candidates)

    def evidence(self, problem: Problem) -> tuple[Float[Tensor, "n c p p"], Float[Tensor, " n"]]:
        """The person's candidates, and their shares."""
        leak = leaked(self, problem)
        shares = shares_of(leak, problem.person)
        share, rows = shares.topk(min(self.candidates, int((shares > 0).sum())))
        return leak.inputs[rows], share


@dataclass(frozen=True)
class TrainingRecovery(RowRecovery):
    """Undo the training mask of inputs that leaked from where the recogniser was trained."""

    name: ClassVar[str] = "recovery"
    summary: ClassVar[str] = "a U-Net undoes the training mask of leaked training inputs"
    threat: ClassVar[Threat] = "masked inputs"

    def mask(
        self,
        masking: Masking,
        faces: Float[Tensor, "b 3 s s"],
        people: Int[Tensor, " b"],
        seed: int,
    ) -> Masked:
        """The training mask."""
        return as_in_training(masking, faces, people, seed)


@dataclass(frozen=True)
class QueryRecovery(RowRecovery):
    """Undo the inference mask of queries that were overheard."""

    name: ClassVar[str] = "query-recovery"
    summary: ClassVar[str] = "a U-Net undoes the inference mask of overheard queries"
    threat: ClassVar[Threat] = "masked queries"

    def mask(
        self,
        masking: Masking,
        faces: Float[Tensor, "b 3 s s"],
        people: Int[Tensor, " b"],
        seed: int,
    ) -> Masked:
        """The inference mask."""
        return Masked(masking(faces), Labels.hard(people))


def largest(labels: Labels) -> Int[Tensor, " b"]:
    """Of each row, whoever has the largest share."""
    return labels.people.gather(1, labels.weight.argmax(1, keepdim=True))[:, 0]


def new_unet(problem: Problem) -> UNet:
    """From what the victim's backbone is shown to its crops; not trained yet."""
    victim, masking = problem.victim, problem.victim.masking(0)
    shape = (masking.n_channels, masking.side_px, victim.size_px, problem.n_colours)
    return UNet(*shape).to(victim.device)


def leaked(attack: Attack, problem: Problem) -> Masked:
    """What leaked of everybody.

    Raises:
        UsageError: nothing.
    """
    if problem.leaked is None:
        raise UsageError(f"{attack.name}: no masked face has leaked.")
    return problem.leaked
