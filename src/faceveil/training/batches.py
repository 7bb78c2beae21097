"""Which photos each step of training sees: a pure function of the seed and the step."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import NamedTuple

import torch
from jaxtyping import Int, UInt8
from torch import Tensor

from faceveil.core.errors import UsageError
from faceveil.core.seeds import content_hash, derive, generator
from faceveil.training.crops import Crops
from faceveil.training.recipe import Recipe
from faceveil.training.split import Split


class Part(NamedTuple):
    """What a process works on at once: crops, labels, and a seed for each crop's augmentation.

    Crops beyond the labels are public ones.
    """

    pixels: UInt8[Tensor, "n 3 s s"]
    people: Int[Tensor, " b"]
    seeds: list[int]


@dataclass(frozen=True, eq=False)
class Batches:
    """The steps of a run, as one of ``n_processes`` that share each batch sees them.

    Attributes:
        recipe: how many photos a step.
        crops: the data.
        split: which of them are trained on.
        process, n_processes: which share of each batch is this one's.
        public: other people's, to be mixed in: as many in a step as there are photos of its own.

    Raises:
        UsageError: a batch is larger than the data, or cannot be shared out evenly.
    """

    recipe: Recipe
    crops: Crops
    split: Split
    process: int
    n_processes: int
    public: Crops | None = None

    def __post_init__(self) -> None:
        batch, n_parts = self.recipe.batch, self.n_processes * self.recipe.accumulate
        if batch > len(self.split.train):
            raise UsageError(
                f"A batch of {batch} is more than the {len(self.split.train)} photos there are to "
                "train on: make recipe.batch smaller."
            )
        if batch % n_parts or batch // n_parts < 2:
            raise UsageError(
                f"A batch of {batch} cannot be shared out in {n_parts} equal parts of two or more "
                f"({self.n_processes} processes, accumulate = {self.recipe.accumulate})."
            )

    @property
    def n_steps(self) -> int:
        """Steps in all."""
        return self.recipe.n_steps(len(self.split.train))

    def from_step(self, first: int) -> Iterator[list[Part]]:
        """The parts of each step from ``first`` on, read one step ahead."""
        with ThreadPoolExecutor(1) as reader:
            coming: list[Future[list[Part]]] = []
            for step in range(first, self.n_steps + 1):
                if step < self.n_steps:
                    coming.append(reader.submit(self._parts, step))
                if step > first:
                    yield coming.pop(0).result()

    def labels(self, indices: Sequence[int]) -> Int[Tensor, " b"]:
        """Whom these crops show."""
        return torch.tensor([self._label[self.crops.people[index]] for index in indices])

    def _parts(self, step: int) -> list[Part]:
        epoch, place = divmod(step, self._per_epoch)
        order = _order(len(self.split.train), derive(self.recipe.seed, "order", epoch))
        batch = self.recipe.batch
        chosen = order[place * batch : (place + 1) * batch].tolist()
        mine = chosen[self.process :: self.n_processes]
        size = len(mine) // self.recipe.accumulate
        return [self._part(epoch, mine[at : at + size]) for at in range(0, len(mine), size)]

    def _part(self, epoch: int, places: Sequence[int]) -> Part:
        indices = [self.split.train[place] for place in places]
        own, labels = self.crops.take(indices), self.labels(indices)
        seeds = self._seeds("augment", epoch, indices)
        if self.public is None:
            return Part(own, labels, seeds)
        drawn = self._seeds("public", epoch, indices)
        others = self.public.take([seed % len(self.public.names) for seed in drawn])
        seeds += self._seeds("augment public", epoch, indices)
        return Part(torch.cat((own, others)), labels, seeds)

    def _seeds(self, purpose: str, epoch: int, indices: Sequence[int]) -> list[int]:
        return [derive(self.recipe.seed, purpose, epoch, index) for index in indices]

    @property
    def _per_epoch(self) -> int:
        return len(self.split.train) // self.recipe.batch

    @cached_property
    def _label(self) -> dict[str, int]:
        return {person: label for label, person in enumerate(self.split.people)}


def fingerprint(crops: Crops, split: Split) -> str:
    """A hash of the names of the photos trained on."""
    return content_hash("\n".join(crops.names[index] for index in split.train).encode())


@lru_cache(maxsize=1)
def _order(n: int, seed: int) -> Int[Tensor, " {n}"]:
    """The order of an epoch."""
    return torch.randperm(n, generator=generator(seed))
