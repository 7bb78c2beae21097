"""Defences that show a recogniser some of the frequencies of a face and no pixels.

* ``ppfr-fd``: 36 channels of 192 (Wang et al., "Privacy-preserving face recognition in the
  frequency domain", AAAI 2022). Its shuffling of channels hides queries on their way to a server,
  which is another threat than a stolen recogniser, and is left out.
* ``partialface``: of the 54 finer frequencies, dealt out into 6 subsets, each photo shows 9 (Mi et
  al., "Privacy-preserving face recognition using random frequency components", ICCV 2023). A person
  has 3 of the 6 subsets, by their number, so that the recogniser never learns all of anyone; the
  order within a subset is one of 3. Ours: queries are seen through the first subset.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from faceveil.core import seeds
from faceveil.training.defence import Defence, Labels, Masked, Masking
from faceveil.training.frequency import Frequency, Spectrum, draw_subsets, subset

N_FINE, N_SHOWN, N_ORDERS, N_OF_ONE = 54, 9, 3, 3
"""PartialFace: fine frequencies, those in a subset, orders within one, subsets of one person."""


@dataclass(frozen=True)
class PpfrFd(Defence):
    """A fixed part of the spectrum.

    Attributes:
        upsampling: see :class:`~faceveil.training.frequency.Spectrum`.
    """

    name: ClassVar[str] = "ppfr-fd"
    summary: ClassVar[str] = "train on 36 frequency channels (after Wang et al. 2022)"

    upsampling: Literal[1, 2, 4, 8] = 1

    def build(self, size_px: int) -> Masking:
        """36 channels."""
        return Spectral(Spectrum("ppfr-fd", self.upsampling), size_px)


@dataclass(frozen=True)
class PartialFace(Defence):
    """Another random part of the fine spectrum for every photo.

    Attributes:
        upsampling: see :class:`~faceveil.training.frequency.Spectrum`.
    """

    name: ClassVar[str] = "partialface"
    summary: ClassVar[str] = "train on random subsets of fine frequencies (Mi et al. 2023)"

    upsampling: Literal[1, 2, 4, 8] = 1

    def build(self, size_px: int) -> Masking:
        """27 channels."""
        return Partial(Spectrum("partialface", self.upsampling), size_px)


class Spectral(Masking):
    """The standardised channels of a spectrum."""

    def __init__(self, spectrum: Spectrum, size_px: int) -> None:
        super().__init__()
        self.frequency = Frequency(spectrum)
        self.n_channels = self.frequency.n_channels
        self.side_px = spectrum.cells(size_px)

    def forward(self, images: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b c p p"]:
        """The channels kept."""
        return self.frequency(images)

    def prepare(self, batches: Iterable[Float[Tensor, "_ 3 s s"]]) -> None:
        """Take the channels' statistics."""
        self.frequency.fit(batches)


class Partial(Spectral):
    """A subset of the channels; which, is part of the state."""

    subsets: Tensor
    orders: Tensor

    def __init__(self, spectrum: Spectrum, size_px: int) -> None:
        super().__init__(spectrum, size_px)
        self.n_channels = 3 * N_SHOWN
        self.register_buffer("subsets", draw_subsets(N_FINE, N_SHOWN, torch.default_generator))
        orders = [torch.arange(N_SHOWN), *(torch.randperm(N_SHOWN) for _ in range(N_ORDERS - 1))]
        self.register_buffer("orders", torch.stack(orders))

    def forward(self, images: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b c p p"]:
        """The first subset, in its first order."""
        return subset(self.frequency(images), self.subsets[:1].expand(len(images), -1))

    def train_mask(
        self, images: Float[Tensor, "b 3 s s"], people: Int[Tensor, " b"], seed: int
    ) -> Masked:
        """One of each person's subsets, in any of the orders."""
        draw = seeds.generator(seed)
        allowed = list(itertools.combinations(range(len(self.subsets)), N_OF_ONE))
        which = torch.randint(N_OF_ONE, (len(images),), generator=draw).tolist()
        order = torch.randint(N_ORDERS, (len(images),), generator=draw)
        chosen = [
            allowed[person % len(allowed)][place]
            for person, place in zip(people.tolist(), which, strict=True)
        ]
        shown = self.subsets[chosen].gather(1, self.orders[order])
        return Masked(subset(self.frequency(images), shown), Labels.hard(people))
