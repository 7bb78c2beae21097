"""DCTDP: frequencies under noise, where the recogniser learns which of them to spare.

Ji et al.: "Privacy-preserving face recognition with learnable privacy budgets in frequency domain"
(ECCV 2022). Each of the n numbers of a face's spectrum without DC gets Laplace noise:

    z_i + (s_i / b_i) Laplace(0, 1)        b = budget n softmax(theta)

s_i is the range of number i over the training photos; theta descends on the recogniser's loss, so
that the total budget stays and goes where recognition needs it.

Ours: channels are standardised, and the noise is there in training alone, which is the threat of a
stolen recogniser; the paper adds it to queries, whose threat is an eavesdropper, too. It is drawn
under a secret key, which lies in the checkpoint: whoever knows the draws can take them off.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from faceveil.core import seeds
from faceveil.core.ranges import Positive
from faceveil.training.defence import Defence, Labels, Masked, Masking
from faceveil.training.frequency import Spectrum
from faceveil.training.secret import Draws, new_key, stream
from faceveil.training.spectral import Spectral


@dataclass(frozen=True)
class Dctdp(Defence):
    """Learned noise on frequencies.

    Attributes:
        budget: the mean of b; less is more noise.
        upsampling: see :class:`~faceveil.training.frequency.Spectrum`.
        draws: ``seeded`` draws noise from the recipe's seed, so that a run can be repeated, and its
            noise with it.
    """

    name: ClassVar[str] = "dctdp"
    summary: ClassVar[str] = "learned noise on frequencies (Ji et al. 2022)"

    budget: Positive = 4.0
    upsampling: Literal[1, 2, 4, 8] = 1
    draws: Draws = "secret"

    def build(self, size_px: int) -> Masking:
        """189 channels."""
        return Noisy(Spectrum("no-dc", self.upsampling), size_px, self.budget, new_key(self.draws))


class Noisy(Spectral):
    """The channels of a spectrum, in training with noise.

    Attributes:
        key: of the draws; stays in the state, so that a resumed run goes on with the same.
    """

    key: Tensor
    span: Tensor

    def __init__(self, spectrum: Spectrum, size_px: int, budget: float, key: bytes) -> None:
        super().__init__(spectrum, size_px)
        self.budget = budget
        self.register_buffer("key", torch.tensor(list(key), dtype=torch.uint8))
        shape = self.n_channels, self.side_px, self.side_px
        self.register_buffer("span", torch.zeros(shape))
        self.theta = nn.Parameter(torch.zeros(self.span.numel()))  # in one row: it does not decay

    def prepare(self, batches: Iterable[Float[Tensor, "_ 3 s s"]]) -> None:
        """Take the channels' statistics and the range of every number."""
        highest = torch.full_like(self.span, -torch.inf)
        lowest = torch.full_like(self.span, torch.inf)

        def watched() -> Iterator[Tensor]:
            for batch in batches:
                seen = self(batch)  # not standardised yet
                torch.maximum(highest, seen.amax(0), out=highest)
                torch.minimum(lowest, seen.amin(0), out=lowest)
                yield batch

        super().prepare(watched())
        self.span.copy_((highest - lowest) / self.frequency.std[:, None, None])

    def scale(self) -> Float[Tensor, "c p p"]:
        """The noise of every number, s_i / b_i."""
        budgets = self.budget * self.theta.numel() * self.theta.softmax(0)
        return self.span / budgets.view(self.span.shape)

    def train_mask(
        self, images: Float[Tensor, "b 3 s s"], people: Int[Tensor, " b"], seed: int
    ) -> Masked:
        """Noise of its own for every face."""
        faces = self(images)
        draw = stream(bytes(self.key.tolist()), "noise", seed)(8)
        lot = seeds.generator(int.from_bytes(draw, "little") >> 1)
        even = torch.rand(faces.shape, generator=lot, dtype=torch.float64) - 0.5
        laplace = -even.sign() * torch.log1p(-2 * even.abs())
        return Masked(faces + self.scale() * laplace.to(faces), Labels.hard(people))
