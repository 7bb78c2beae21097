"""MID, the mutual information defence: embeddings pass through noise that costs what they tell.

Wang, Zhang, Jia: "Improving robustness to model inversion attacks via mutual information
regularization" (AAAI 2021). I(photo; embedding) is bounded from above as in the variational
information bottleneck (Alemi et al., ICLR 2017):

    z = mu(x) + sigma(x) e,  e ~ N(0, 1)        loss + beta KL(N(mu, sigma^2) || N(0, 1))

Ours: mu is the backbone's embedding and sigma comes from it by one layer; a margin loss looks at
the direction of z alone, so the backbone buys certainty by the length of mu, which the KL charges
for. The finished recogniser gives mu.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from faceveil.core.ranges import NonNegative
from faceveil.training.defence import Defence, Masked, Masking, Pixels


@dataclass(frozen=True)
class Mid(Defence):
    """A variational bottleneck on the embedding.

    Attributes:
        beta: weight of the KL (0.01).
        colour: see :class:`~faceveil.training.defence.Undefended`.
    """

    name: ClassVar[str] = "mid"
    summary: ClassVar[str] = "a variational bottleneck on the embedding (Wang et al. 2021)"

    beta: NonNegative = 0.01
    colour: Literal["rgb", "grey"] = "rgb"

    def build(self, size_px: int) -> Masking:
        """Pixels in [-1, 1]."""
        return Narrowed(size_px, self)


class Bottleneck(nn.Module):
    """A backbone whose embedding is the mean of a Gaussian."""

    def __init__(self, backbone: nn.Module, embedding_size: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.log_variance = nn.Linear(embedding_size, embedding_size)
        nn.init.zeros_(self.log_variance.weight)
        nn.init.zeros_(self.log_variance.bias)

    def forward(self, inputs: Float[Tensor, "b c p q"]) -> Float[Tensor, "b d"]:
        """The mean."""
        return self.backbone(inputs)


class Narrowed(Pixels):
    """Pixels; behind the backbone, noise."""

    def __init__(self, size_px: int, defence: Mid) -> None:
        super().__init__(size_px, defence.colour)
        self.beta = defence.beta

    def around(self, backbone: nn.Module, embedding_size: int) -> nn.Module:
        """With a layer for sigma; it starts at 1."""
        return Bottleneck(backbone, embedding_size)

    def judge(
        self, masked: Masked, backbone: nn.Module, head: nn.Module
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, ""]]:
        """Losses of noisy embeddings, and what is charged for them."""
        assert isinstance(backbone, Bottleneck)  # noqa: S101  it is what around made
        mean = backbone(masked.inputs)
        log_variance = backbone.log_variance(mean)
        drawn = mean + (0.5 * log_variance).exp() * torch.randn_like(mean)
        charge = self.beta * divergence(mean.float(), log_variance.float()).mean()
        return head(drawn, masked.labels), charge


def divergence(
    mean: Float[Tensor, "b d"], log_variance: Float[Tensor, "b d"]
) -> Float[Tensor, " b"]:
    """KL(N(mean, variance) || N(0, 1)) of each row, in nats."""
    return 0.5 * (mean.square() + log_variance.exp() - 1 - log_variance).sum(1)
