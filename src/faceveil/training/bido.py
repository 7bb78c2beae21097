"""BiDO: hidden layers that depend less on the photo and more on who it shows.

Peng et al.: "Bilateral dependency optimization: defending against model-inversion attacks" (KDD
2022). For hidden layers z_j, in a batch,

    loss + lambda_x sum_j d(x, z_j) - lambda_y sum_j d(z_j, y)

with d the normalised HSIC (Fukumizu et al., NeurIPS 2007), as in their public code:

    d(a, b) = tr(R_a R_b),  R = K (K + 1e-5 n)^-1,  K the centred kernel matrix of n rows
    k(a, a') = exp(-|a - a'|^2 / (2 * 5^2 dim)), and for labels the linear kernel

Ours: kernels are centred on both sides, not on one; and the layers are the four after which a
quarter, a half, three quarters and all of the backbone are done, where the paper takes those behind
each halving.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from faceveil.core.errors import UsageError
from faceveil.core.ranges import NonNegative
from faceveil.training.defence import Defence, Masked, Masking, Pixels

SIGMA, RIDGE = 5.0, 1e-5
"""Width of the kernel, in square roots of the dimension, and what steadies its inverse."""
N_LAYERS = 4


@dataclass(frozen=True)
class Bido(Defence):
    """Dependency on the photo is charged for, dependency on the label rewarded.

    Attributes:
        lambda_x: weight of the first (0.05).
        lambda_y: weight of the second (0.5).
        colour: see :class:`~faceveil.training.defence.Undefended`.
    """

    name: ClassVar[str] = "bido"
    summary: ClassVar[str] = "layers that depend little on the photo (Peng et al. 2022)"

    lambda_x: NonNegative = 0.05
    lambda_y: NonNegative = 0.5
    colour: Literal["rgb", "grey"] = "rgb"

    def build(self, size_px: int) -> Masking:
        """Pixels in [-1, 1]."""
        return Bilateral(size_px, self)


class Bilateral(Pixels):
    """Pixels; in training, layers are watched."""

    def __init__(self, size_px: int, defence: Bido) -> None:
        super().__init__(size_px, defence.colour)
        self.defence = defence

    def around(self, backbone: nn.Module, embedding_size: int) -> nn.Module:
        """As it is.

        Raises:
            UsageError: it is no sequence of layers, so that there are none to watch.
        """
        if not isinstance(backbone, nn.Sequential) or len(backbone) < N_LAYERS:
            raise UsageError(
                f"bido watches the layers of a backbone, and there are fewer than {N_LAYERS} in "
                "this one: choose mobilefacenet, ir-18 or ir-50."
            )
        return backbone

    def judge(
        self, masked: Masked, backbone: nn.Module, head: nn.Module
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, ""]]:
        """Losses, and the two sums of dependencies."""
        layers = list(backbone.children())
        watched = {(i + 1) * len(layers) // N_LAYERS - 1 for i in range(N_LAYERS)}
        values, hidden = masked.inputs, []
        for place, layer in enumerate(layers):
            values = layer(values)
            if place in watched:
                hidden.append(values)
        with torch.autocast(values.device.type, enabled=False):
            term = self._term(masked.inputs, hidden, masked.labels.people[:, 0])
        return head(values, masked.labels), term

    def _term(
        self, inputs: Tensor, hidden: Sequence[Tensor], person: Int[Tensor, " b"]
    ) -> Float[Tensor, ""]:
        of_photo = whitened(gaussian(inputs))
        of_label = whitened((person[:, None] == person).float())
        seen = [whitened(gaussian(z)) for z in hidden]
        on_photo = torch.stack([dependency(of_photo, z) for z in seen]).sum()
        on_label = torch.stack([dependency(z, of_label) for z in seen]).sum()
        return self.defence.lambda_x * on_photo - self.defence.lambda_y * on_label


def gaussian(values: Float[Tensor, "n ..."]) -> Float[Tensor, "n n"]:
    """The kernel matrix of rows of any shape."""
    rows = values.flatten(1).float()
    squares = rows.square().sum(1)
    distances = (squares[:, None] + squares - 2 * rows @ rows.T).clamp_min(0)
    return (-distances / (2 * SIGMA**2 * rows.shape[1])).exp()


def whitened(kernel: Float[Tensor, "n n"]) -> Float[Tensor, "n n"]:
    """R, of the kernel matrix once centred."""
    n = len(kernel)
    centred = kernel - kernel.mean(0) - kernel.mean(1, keepdim=True) + kernel.mean()
    ridge = RIDGE * n * torch.eye(n, device=kernel.device)
    return torch.linalg.solve(centred + ridge, centred)


def dependency(one: Float[Tensor, "n n"], other: Float[Tensor, "n n"]) -> Float[Tensor, ""]:
    """d, of two R; 0 if neither tells anything of the other, n - 1 at most."""
    return (one * other.T).sum()
