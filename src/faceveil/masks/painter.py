"""An untrained network as the only prior of what is laid on a face: a deep decoder.

Heckel, Hand: "Deep Decoder: concise image representations from untrained non-convolutional
networks", ICLR 2019; ours convolves. Noise that never changes is enlarged and mixed, over and over;
what such a network can hold after a few steps of gradient descent is smooth.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor

CANVAS_PX = 144
"""The side of what is painted, in pixels of the 112 px crop recognisers look at."""
_NOISE_PX = 9
_ENLARGEMENTS = 4
_WIDTH = 16


@dataclass(frozen=True, eq=False)
class Painter:
    """One face's decoder; ``weights`` are what is fitted.

    Attributes:
        noise: its input, ``1 c 9 9``.
        weights: kernels of four convolutions, and of the one that makes the maps, 0 at first.
    """

    noise: Tensor
    weights: tuple[Tensor, ...]

    @classmethod
    def untrained(cls, n_maps: int, generator: Generator, device: torch.device) -> Painter:
        """A decoder whose maps are 0 everywhere."""

        def draw(*shape: int, scale: float = 1.0) -> Tensor:
            return (scale * torch.randn(*shape, generator=generator)).to(device)

        noise = draw(1, _WIDTH, _NOISE_PX, _NOISE_PX)
        scale = (2 / (9 * _WIDTH)) ** 0.5
        kernels = [draw(_WIDTH, _WIDTH, 3, 3, scale=scale) for _ in range(_ENLARGEMENTS)]
        return cls(noise, (*kernels, torch.zeros(n_maps, _WIDTH, 1, 1, device=device)))

    def fresh(self) -> Painter:
        """The same decoder with weights of its own, to fit on."""
        return Painter(self.noise, tuple(w.detach().clone().requires_grad_() for w in self.weights))

    def __call__(self) -> Float[Tensor, "1 n 144 144"]:
        """The maps, unbounded, in the frame of the aligned face."""
        x, (*kernels, head) = self.noise, self.weights
        for kernel in kernels:
            x = F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)
            x = F.leaky_relu(F.instance_norm(F.conv2d(x, kernel, padding=1)), 0.1)
        return F.conv2d(x, head)
