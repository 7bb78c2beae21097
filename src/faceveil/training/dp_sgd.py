"""DP-SGD: no single training photo moves the recogniser by more than noise covers.

Abadi et al.: "Deep learning with differential privacy" (CCS 2016). For a batch of b photos,

    g = (sum_i g_i min(1, C / |g_i|) + N(0, (sigma C)^2)) / b

where g_i is the gradient of photo i by every weight, the centres among them. What that proves is
accounted for by Renyi divergence (Mironov et al., 2019): (epsilon, delta)-differential privacy of
one photo more or less, so k photos of a person are covered k times less well, at best.

Batch normalisation lets photos see each other and is replaced by group normalisation, 16 channels
to a group (Wu & He, ECCV 2018). Noise is drawn under a secret key, which lies in the checkpoint:
whoever knows the draws can take them off. Batches are taken in turn from shuffled photos while the
accounting is for batches that each photo is in by chance, as is usual; what is proved of the one is
not proved of the other (Chua et al., ICML 2024). With several processes or parts to a batch each
adds noise of its own, which is more than is accounted for. Gradients are :mod:`torch.func`'s rather
than opacus's, whose hooks want layers that take tensors alone, unlike our head, which takes labels
with weights too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, func, nn

from faceveil.core.errors import UsageError
from faceveil.core.ranges import Fraction, Positive
from faceveil.training.defence import Defence, Labels, Masked, Masking, Pixels
from faceveil.training.secret import Draws, new_key, normals, stream

PER_GROUP = 16
"""Channels normalised together."""

ORDERS = (*range(2, 64), 128, 256, 512)
"""Of the Renyi divergences, of which the best bound counts."""


@dataclass(frozen=True)
class DpSgd(Defence):
    """Clipped gradients of single photos, and noise.

    Attributes:
        noise: sigma.
        clip: C.
        delta: of the proof; below one in the number of photos.
        draws: ``seeded`` draws noise from the recipe's seed, so that a run can be repeated, and its
            noise taken off; for experiments. Nothing is proved then.
        colour: see :class:`~faceveil.training.defence.Undefended`.
    """

    name: ClassVar[str] = "dp-sgd"
    summary: ClassVar[str] = "differentially private training (Abadi et al. 2016)"

    noise: Positive = 1.0
    clip: Positive = 1.0
    delta: Fraction = 1e-3
    draws: Draws = "secret"
    colour: Literal["rgb", "grey"] = "rgb"

    def build(self, size_px: int) -> Masking:
        """Pixels in [-1, 1]."""
        return Private(size_px, self)

    def proved(self, n_photos: int, batch: int, n_steps: int) -> dict[str, float]:
        """Delta, and the epsilon of batches that each photo is in by chance (Poisson).

        Raises:
            UsageError: delta is so large that a photo could be given away whole.
        """
        if self.draws == "seeded":
            return {}
        if self.delta * n_photos >= 1:
            raise UsageError(
                f"defence.delta: {self.delta:g} proves nothing for {n_photos} photos, of which one "
                f"could be published whole: set it below {1 / n_photos:.1g}."
            )
        spent = epsilon(self.noise, batch / n_photos, n_steps, self.delta)
        return {"poisson_epsilon": spent, "delta": self.delta}


class Private(Pixels):
    """Pixels; gradients are clipped and noised."""

    key: Tensor

    def __init__(self, size_px: int, defence: DpSgd) -> None:
        super().__init__(size_px, defence.colour)
        self.defence = defence
        key = torch.tensor(list(new_key(defence.draws)), dtype=torch.uint8)
        self.register_buffer("key", key)
        self._seed = 0

    def train_mask(
        self, images: Float[Tensor, "n 3 s s"], people: Int[Tensor, " b"], seed: int
    ) -> Masked:
        """Pixels; the noise on their gradients will be that of this batch."""
        self._seed = seed
        return super().train_mask(images, people, seed)

    def around(self, backbone: nn.Module, embedding_size: int) -> nn.Module:
        """With group normalisation."""
        return by_groups(backbone)

    def judge(
        self, masked: Masked, backbone: nn.Module, head: nn.Module
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, ""]]:
        """Losses without a gradient, and a term that is 0 and has the private gradient for its own.

        AdaFace's mean norm stays where it starts: it would be learnt without noise.
        """
        head.eval()
        losses, gradients = per_photo(masked, backbone, head)
        norms = torch.cat([g.flatten(1) for g in gradients.values()], 1).norm(dim=1)
        share = (self.defence.clip / norms.clamp_min(1e-12)).clamp_max(1)
        deviation = self.defence.noise * self.defence.clip
        draw = stream(bytes(self.key.tolist()), "noise", self._seed)
        term = losses.new_zeros(())
        for name, weight in _weights(backbone, head).items():
            total = torch.einsum("b,b...->...", share, gradients[name])
            noise = normals(draw, *total.shape).to(total)
            private = (total + deviation * noise) / len(losses)
            term = term + (private * (weight - weight.detach())).sum()
        return losses, term


def per_photo(
    masked: Masked, backbone: nn.Module, head: nn.Module
) -> tuple[Float[Tensor, " b"], dict[str, Float[Tensor, "b ..."]]]:
    """The loss of each photo, and its gradient by each weight."""

    def loss(weights: dict[str, Tensor], one: Tensor, people: Tensor, share: Tensor) -> Tensor:
        judged = func.functional_call(both, weights, (one[None], people[None], share[None]))
        return judged[0]

    both = _Both(backbone, head)
    weights = {name: weight.detach() for name, weight in _weights(backbone, head).items()}
    each = func.vmap(func.grad_and_value(loss), in_dims=(None, 0, 0, 0), randomness="different")
    gradients, losses = each(weights, masked.inputs, *masked.labels)
    return losses, gradients


class _Both(nn.Module):
    """Backbone and head in a row."""

    def __init__(self, backbone: nn.Module, head: nn.Module) -> None:
        super().__init__()
        self.backbone, self.head = backbone, head

    def forward(self, inputs: Tensor, people: Tensor, weight: Tensor) -> Tensor:
        return self.head(self.backbone(inputs), Labels(people, weight))


def _weights(backbone: nn.Module, head: nn.Module) -> dict[str, nn.Parameter]:
    named = _Both(backbone, head).named_parameters()
    return {name: weight for name, weight in named if weight.requires_grad}


def by_groups(module: nn.Module) -> nn.Module:
    """The module with every batch normalisation replaced by group normalisation."""
    if isinstance(module, nn.modules.batchnorm._BatchNorm):
        channels = module.num_features
        return nn.GroupNorm(math.gcd(channels, max(1, channels // PER_GROUP)), channels)
    for name, child in module.named_children():
        setattr(module, name, by_groups(child))
    return module


def epsilon(noise: float, rate: float, n_steps: int, delta: float) -> float:
    """Epsilon of so many steps, each on a photo with probability ``rate``.

    Mironov, Talwar, Zhang: "Renyi differential privacy of the sampled Gaussian mechanism" (2019),
    whole orders; from Renyi's epsilon to this by Canonne, Kamath, Steinke (NeurIPS 2020).
    """
    if not n_steps:
        return 0.0
    bounds = (
        n_steps * renyi(noise, rate, order)
        + math.log1p(-1 / order)
        - (math.log(delta) + math.log(order)) / (order - 1)
        for order in ORDERS
    )
    return max(0.0, min(bounds))


def renyi(noise: float, rate: float, order: int) -> float:
    """Renyi's epsilon of one step."""
    if rate >= 1:
        return order / (2 * noise**2)
    logs = [
        math.lgamma(order + 1)
        - math.lgamma(k + 1)
        - math.lgamma(order - k + 1)
        + (order - k) * math.log1p(-rate)
        + k * math.log(rate)
        + k * (k - 1) / (2 * noise**2)
        for k in range(order + 1)
    ]
    return float(torch.tensor(logs, dtype=torch.float64).logsumexp(0)) / (order - 1)
