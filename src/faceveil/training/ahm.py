"""Adaptive hybrid masking: recognisers trained on mixes of several people's frequencies.

Wang et al.: "Adaptive Hybrid Masking Strategy for Privacy-Preserving Face Recognition Against Model
Inversion Attack" (arXiv 2403.10558). Faces become frequency channels
(:mod:`~faceveil.training.frequency`), k of them are mixed with their labels
(:mod:`~faceveil.training.mixing`), and a policy chooses k against the recogniser
(:mod:`~faceveil.training.strategy`). Known to us are the paper's abstract and excerpts of its
authors' patent applications (US 2024/0119714, US 2024/0119758): network and coefficients are ours.

What it protects is the faces a recogniser was *trained* on. The finished recogniser is shown plain
frequencies of single faces, so it hides nobody's query.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from faceveil.training.defence import Defence, Masked, Masking, Pixels
from faceveil.training.distributed import mean_over_processes
from faceveil.training.frequency import Spectrum
from faceveil.training.mixing import draw_mix
from faceveil.training.secret import Draws, Source, new_key, stream, uniforms
from faceveil.training.spectral import Spectral
from faceveil.training.strategy import (
    CHOICES,
    Strategy,
    StrategySettings,
    build_strategy,
    pooled,
)


@dataclass(frozen=True)
class Ahm(Defence):
    """Mixes of frequencies, how many faces to each chosen by a strategy.

    Attributes:
        domain: ``pixels`` mixes those instead, the ablation.
        spectrum: the frequencies.
        strategy: how many faces.
        draws: ``seeded`` draws mixes from the recipe's seed, so that a run can be repeated by
            anyone who knows it, and its mixes taken apart; for experiments.
    """

    name: ClassVar[str] = "ahm"
    summary: ClassVar[str] = "train on adaptive mixes of frequencies (Wang et al. 2024)"
    mixes: ClassVar[bool] = True

    domain: Literal["frequency", "pixels"] = "frequency"
    spectrum: Spectrum = field(default_factory=lambda: Spectrum("ppfr-fd"))
    strategy: StrategySettings = field(default_factory=StrategySettings)
    draws: Draws = "secret"

    def build(self, size_px: int) -> Masking:
        """What single faces are seen as, and the mixing of it."""
        seen: Masking = (
            Spectral(self.spectrum, size_px)
            if self.domain == "frequency"
            else Pixels(size_px, "rgb")
        )
        strategy = build_strategy(self.strategy, seen.n_channels)
        return Mixing(seen, strategy, self.strategy.every, new_key(self.draws))


class Mixing(Masking):
    """Faces as another masking shows them, mixed in training and single afterwards.

    Args:
        seen: what a single face looks like.
        strategy: chooses how many are mixed.
        every: batches a choice is in force.
        key: of the draws; stays in the state, so that a resumed run goes on with the same.
    """

    key: Tensor
    k: Tensor
    n_choices: Tensor
    n_batches: Tensor
    loss: Tensor
    held_out: Tensor

    def __init__(self, seen: Masking, strategy: Strategy, every: int, key: bytes) -> None:
        super().__init__()
        self.seen, self.strategy, self.every = seen, strategy, every
        self.n_channels, self.side_px = seen.n_channels, seen.side_px
        self.register_buffer("key", torch.tensor(list(key), dtype=torch.uint8))
        for name in ("k", "n_batches"):
            self.register_buffer(name, torch.zeros((), dtype=torch.long))
        self.register_buffer("n_choices", torch.zeros(max(CHOICES) + 1, dtype=torch.long))
        for name in ("loss", "held_out"):
            self.register_buffer(name, torch.zeros(()))

    def forward(self, images: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b c p p"]:
        """Single faces."""
        return self.seen(images)

    def prepare(self, batches: Iterable[Float[Tensor, "_ 3 s s"]]) -> None:
        """As the other masking does."""
        self.seen.prepare(batches)

    def train_mask(
        self, images: Float[Tensor, "n 3 s s"], people: Int[Tensor, " b"], seed: int
    ) -> Masked:
        """Mixes of the batch; all of it, where it has fewer faces than the strategy asks for."""
        faces = self.seen(images)
        if self.n_batches % self.every == 0:
            statistics = mean_over_processes(pooled(faces))
            # Every process draws the same.
            k = self.strategy.choose(statistics, self.stream("k", int(self.n_batches)))
            self.k.fill_(min(k, len(faces)))
            self.n_choices[self.k] += 1
        return self.mixed(faces, people, int(self.k), seed)

    def train_mask_again(
        self, images: Float[Tensor, "n 3 s s"], people: Int[Tensor, " b"], seed: int
    ) -> Masked:
        """Mixes as training had them, of as many faces as some choice of its was, whichever the
        seed says; nothing is chosen or learnt anew."""
        shares = (self.n_choices.double() / self.n_choices.sum()).cumsum(0).cpu()
        k = int((uniforms(self.stream("k again", seed), 1) > shares).sum())
        return self.mixed(self.seen(images), people, k, seed)

    def mixed(
        self, faces: Float[Tensor, "n c p p"], people: Int[Tensor, " b"], k: int, seed: int
    ) -> Masked:
        """Mixes of k of the faces each, or of all of them."""
        k, n_public = min(k, len(faces)), len(faces) - len(people)
        mix = draw_mix(people.cpu(), k, self.stream("mix", seed), n_public=n_public)
        return Masked(mix.of(faces), mix.labels(people))

    def learn(
        self, losses: Float[Tensor, " b"], held_out_loss: Callable[[], float]
    ) -> dict[str, float]:
        """At the end of each choice, tell the strategy what came of it."""
        self.loss += mean_over_processes(losses.mean()) / self.every
        self.n_batches += 1
        if self.n_batches % self.every == 0:
            self.held_out.fill_(held_out_loss())
            self.strategy.learn(float(self.loss), float(self.held_out))
            self.loss.zero_()
        held_out = float(self.held_out)
        return {"k": float(self.k), "held_out_loss": held_out} | self.strategy.figures()

    def stream(self, *context: str | int) -> Source:
        """Secret random bytes for one purpose."""
        return stream(bytes(self.key.tolist()), *context)
