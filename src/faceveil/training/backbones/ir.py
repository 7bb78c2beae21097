"""IR-18 and IR-50, the improved residual networks of ArcFace (Deng et al. 2019).

As in InsightFace's ``iresnet.py``: batch normalisation before the first convolution of a block,
PReLU, the stride in the second convolution; 24.0 and 43.6 million parameters at 112 px.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from faceveil.core.ranges import Decay
from faceveil.training.backbones.backbone import Backbone, last_side_px, strides

WIDTHS = (64, 128, 256, 512)


@dataclass(frozen=True)
class _Ir(Backbone):
    """An improved residual network.

    Attributes:
        embedding_size: numbers a face is embedded in.
        dropout: before the last layer.
    """

    depths: ClassVar[tuple[int, ...]]

    dropout: Decay = 0.0

    def build(self, n_channels: int, side_px: int) -> nn.Module:
        """The network, its convolutions drawn from N(0, 0.1^2) as InsightFace does."""
        layers: list[nn.Module] = [
            nn.Conv2d(n_channels, WIDTHS[0], 3, padding=1, bias=False),
            nn.BatchNorm2d(WIDTHS[0]),
            nn.PReLU(WIDTHS[0]),
        ]
        n_in = WIDTHS[0]
        for width, depth, stride in zip(WIDTHS, self.depths, strides(side_px), strict=True):
            layers += [
                Block(n, width, step) for n, step in [(n_in, stride), *[(width, 1)] * (depth - 1)]
            ]
            n_in = width
        last = nn.BatchNorm1d(self.embedding_size)
        last.weight.requires_grad = False  # it is 1, and stays
        layers += [
            nn.BatchNorm2d(n_in),
            nn.Dropout(self.dropout),
            nn.Flatten(),
            nn.Linear(n_in * last_side_px(side_px) ** 2, self.embedding_size),
            last,
        ]
        network = nn.Sequential(*layers)
        for module in network.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.normal_(module.weight, 0, 0.1)
        return network


@dataclass(frozen=True)
class Ir18(_Ir):
    """Eight blocks: 24.0 million parameters at 112 px."""

    name: ClassVar[str] = "ir-18"
    depths: ClassVar[tuple[int, ...]] = (2, 2, 2, 2)


@dataclass(frozen=True)
class Ir50(_Ir):
    """Twenty-four blocks: 43.6 million parameters at 112 px."""

    name: ClassVar[str] = "ir-50"
    depths: ClassVar[tuple[int, ...]] = (3, 4, 14, 3)


class Block(nn.Module):
    """Two 3 x 3 convolutions beside a shortcut, projected where the shape changes."""

    def __init__(self, n_in: int, n_out: int, stride: int):
        super().__init__()
        self.residual = nn.Sequential(
            nn.BatchNorm2d(n_in),
            nn.Conv2d(n_in, n_out, 3, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
            nn.PReLU(n_out),
            nn.Conv2d(n_out, n_out, 3, stride, padding=1, bias=False),
            nn.BatchNorm2d(n_out),
        )
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or n_in != n_out:
            self.shortcut = nn.Sequential(
                nn.Conv2d(n_in, n_out, 1, stride, bias=False), nn.BatchNorm2d(n_out)
            )

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b _ p q"]:
        """Shortcut plus residual."""
        return self.shortcut(maps) + self.residual(maps)
