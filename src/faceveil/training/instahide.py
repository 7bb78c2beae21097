"""InstaHide: training on mixes of photos with random signs.

Huang, Song, Li, Arora: "InstaHide: Instance-hiding Schemes for Private Distributed Learning" (ICML
2020). k photos are mixed and every number of the mix is given a random sign, another for each.
Carlini et al. (IEEE S&P 2021) undo both for whoever sees the mixes; it is here to be compared with.

Ours: the paper hides queries as photos in training are hidden, by mixing, and averages several
answers. A network file cannot draw at random, so queries are single and keep one pattern of signs,
drawn once, which the recogniser met as one of many.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from faceveil.training.ahm import Mixing
from faceveil.training.defence import Defence, Masked, Masking, Pixels
from faceveil.training.mixing import sign_flipped
from faceveil.training.secret import Draws, new_key
from faceveil.training.strategy import StrategySettings, build_strategy


@dataclass(frozen=True)
class InstaHide(Defence):
    """Mixed pixels with random signs.

    Attributes:
        k: photos in a mix (paper 4 or 6; 2 in the tables of later papers on faces).
        draws: see :class:`~faceveil.training.ahm.Ahm`.
    """

    name: ClassVar[str] = "instahide"
    summary: ClassVar[str] = "train on mixed pixels with random signs (Huang et al. 2020)"
    mixes: ClassVar[bool] = True

    k: int = 2
    draws: Draws = "secret"

    def build(self, size_px: int) -> Masking:
        """Pixels in [-1, 1], any sign."""
        return Signed(size_px, StrategySettings("fixed", k=self.k), new_key(self.draws))


class Signed(Mixing):
    """Mixes whose every number has a random sign."""

    signs: Tensor

    def __init__(self, size_px: int, strategy: StrategySettings, key: bytes) -> None:
        seen = Pixels(size_px, "rgb")
        super().__init__(seen, build_strategy(strategy, seen.n_channels), strategy.every, key)
        pattern = sign_flipped(torch.ones(1, 3, size_px, size_px), self.stream("query"))
        self.register_buffer("signs", pattern)

    def forward(self, images: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b c p p"]:
        """Single photos, each with the same pattern of signs."""
        return self.seen(images) * self.signs

    def mixed(
        self, faces: Float[Tensor, "n 3 s s"], people: Int[Tensor, " b"], k: int, seed: int
    ) -> Masked:
        """Mixes, each with its own pattern."""
        inputs, labels = super().mixed(faces, people, k, seed)
        return Masked(sign_flipped(inputs, self.stream("signs", seed)), labels)
