"""Fine-tuning of a recogniser on the photos a tracker has: what is to be learnt, and the loop."""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from safetensors.torch import load, save
from torch import Tensor, nn

from faceveil.core.errors import ModelError
from faceveil.core.seeds import derive, generator
from faceveil.recognisers.recogniser import Recogniser
from faceveil.training.augment import Augment
from faceveil.training.defence import Labels
from faceveil.training.margins import ArcFace, Head

AT_ONCE = 64
"""Crops embedded together when nothing is learnt."""

Embed = Callable[[Tensor], Tensor]
"""From crops in [0, 1] to unit vectors."""


@dataclass(frozen=True, eq=False)
class Faces:
    """The photos a tracker has, as crops of the recogniser that learns.

    Attributes:
        clean: as the photos were.
        veiled: the same faces, veiled.
        people: whom each shows, counted from 0.
    """

    clean: UInt8[Tensor, "n 3 s s"]
    veiled: UInt8[Tensor, "n 3 s s"]
    people: Int[Tensor, " n"]


class Objective(nn.Module, ABC):
    """What is to be learnt of some faces; parameters of its own are learnt beside the network's."""

    augment = Augment()
    """As in training from scratch."""

    @abstractmethod
    def forward(
        self, embed: Embed, chosen: Int[Tensor, " b"], seeds: Sequence[int]
    ) -> Float[Tensor, ""]:
        """The loss of a batch.

        Args:
            embed: what is learnt so far.
            chosen: which of the faces.
            seeds: of their augmentation.
        """


class Names(Objective):
    """To tell people apart by labels, some of the photos being veiled: ArcFace's loss.

    The centres start where the original sees the people: random ones would first of all undo what
    it has learnt.
    """

    def __init__(self, original: Recogniser, faces: Faces, share: float):
        """``share`` of the photos are veiled, evenly spread."""
        super().__init__()
        self._people = faces.people
        places = torch.arange(len(faces.people), device=faces.people.device)
        veiled = ((places + 1) * share).floor() > (places * share).floor()
        self._pixels = torch.where(veiled.view(-1, 1, 1, 1), faces.veiled, faces.clean)
        n_people = int(faces.people.max()) + 1
        self._head = Head(ArcFace(), original.card.embedding_size, n_people)
        parts = torch.split(self._pixels, AT_ONCE)
        with torch.no_grad():
            seen = torch.cat([original.embed(part / 255) for part in parts])
            sums = seen.new_zeros(n_people, seen.shape[1]).index_add(0, faces.people, seen)
            self._head.centres.copy_(F.normalize(sums))

    def forward(
        self, embed: Embed, chosen: Int[Tensor, " b"], seeds: Sequence[int]
    ) -> Float[Tensor, ""]:
        """ArcFace's loss of the photos' labels."""
        pixels = self.augment(self._pixels[chosen], seeds)
        losses: Tensor = self._head(embed(pixels / 255), Labels.hard(self._people[chosen]))
        return losses.mean()


class Restored(Objective):
    """To see in a veiled face, and still in the clean one, what the original sees in the clean one.

    The loss is the sum of both distances, 1 less the cosine.
    """

    def __init__(self, original: Recogniser, faces: Faces):
        super().__init__()
        self._original, self._faces = original.embed, faces

    def forward(
        self, embed: Embed, chosen: Int[Tensor, " b"], seeds: Sequence[int]
    ) -> Float[Tensor, ""]:
        """Both distances, on crops augmented alike."""
        clean, veiled = (
            self.augment(pixels[chosen], seeds) / 255
            for pixels in (self._faces.clean, self._faces.veiled)
        )
        with torch.no_grad():
            wanted = self._original(clean)
        found = embed(torch.cat([veiled, clean]))
        return 2 - 2 * (found * torch.cat([wanted, wanted])).sum(1).mean()


def fine_tune(
    recogniser: Recogniser,
    objective: Objective,
    n_faces: int,
    *,
    steps: int,
    batch: int,
    lr: float,
    seed: int,
) -> bytes:
    """Weights of ``recogniser``, all of them fine-tuned; :func:`with_weights` takes them.

    Adam's learning rate falls from ``lr`` to zero in a line.

    Raises:
        ModelError: the loss is no longer a number.
    """
    learner = _thawed(recogniser)
    parameters = [*learner.network.parameters(), *objective.parameters()]
    optimiser = torch.optim.Adam(parameters, lr)
    falling = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, steps)
    for step, chosen in enumerate(_batches(n_faces, steps, batch, seed)):
        seeds = [derive(seed, "augment", step, index) for index in chosen.tolist()]
        loss = objective(learner.embed, chosen, seeds)
        if not loss.isfinite():
            raise ModelError(
                f"{recogniser.name} cannot be fine-tuned: at step {step} the loss was no longer a "
                "number. Set a smaller lr."
            )
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        falling.step()
    return save({name: value.contiguous() for name, value in learner.network.state_dict().items()})


def with_weights(recogniser: Recogniser, weights: bytes) -> Recogniser:
    """A copy of ``recogniser`` with weights of :func:`fine_tune`."""
    tuned = copy.deepcopy(recogniser)
    tuned.network.load_state_dict(load(weights))
    return tuned


def _thawed(recogniser: Recogniser) -> Recogniser:
    """A copy that can learn: an imported network holds its weights as buffers."""
    learner = copy.deepcopy(recogniser)
    if not list(learner.network.parameters()):
        for module in learner.network.modules():
            for name, value in list(module.named_buffers(recurse=False)):
                if value.is_floating_point():
                    delattr(module, name)
                    module.register_parameter(name, nn.Parameter(value))
    learner.network.requires_grad_(requires_grad=True)
    return learner


def _batches(n: int, steps: int, batch: int, seed: int) -> Iterator[Int[Tensor, " b"]]:
    """What each step sees: all faces once in a new order, before any is seen again."""
    draw = generator(derive(seed, "order"))
    waiting = torch.empty(0, dtype=torch.long)
    for _ in range(steps):
        while len(waiting) < batch:
            waiting = torch.cat([waiting, torch.randperm(n, generator=draw)])
        chosen, waiting = waiting[:batch], waiting[batch:]
        yield chosen
