"""MobileFaceNet (Chen et al., CCBR 2018, table 1): 1.0 million parameters at 112 px."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from jaxtyping import Float
from torch import Tensor, nn

from faceveil.core.ranges import Count
from faceveil.training.backbones.backbone import Backbone, last_side_px, strides


@dataclass(frozen=True)
class MobileFaceNet(Backbone):
    """Inverted residual bottlenecks, and at the end a depthwise convolution over the whole map.

    Attributes:
        embedding_size: numbers a face is embedded in; 128 in the paper.
    """

    name: ClassVar[str] = "mobilefacenet"

    embedding_size: Count = 128

    def build(self, n_channels: int, side_px: int) -> nn.Module:
        """The network; each stage below is a line (t, c, n, s) of the paper's table."""
        first, second, third, fourth = strides(side_px)
        return nn.Sequential(
            *_conv(n_channels, 64, 3, stride=first),
            *_conv(64, 64, 3, groups=64),
            *_stage(64, 64, expansion=2, depth=5, stride=second),
            *_stage(64, 128, expansion=4, depth=1, stride=third),
            *_stage(128, 128, expansion=2, depth=6, stride=1),
            *_stage(128, 128, expansion=4, depth=1, stride=fourth),
            *_stage(128, 128, expansion=2, depth=2, stride=1),
            *_conv(128, 512, 1),
            *_linear_conv(512, 512, last_side_px(side_px), padding=0, groups=512),
            *_linear_conv(512, self.embedding_size, 1),
            nn.Flatten(),
        )


class Bottleneck(nn.Module):
    """Widen, look around, narrow; added to its input where both have the same shape."""

    def __init__(self, n_in: int, n_out: int, expansion: int, stride: int):
        super().__init__()
        wide = n_in * expansion
        self.added = stride == 1 and n_in == n_out
        self.layers = nn.Sequential(
            *_conv(n_in, wide, 1),
            *_conv(wide, wide, 3, stride=stride, groups=wide),
            *_linear_conv(wide, n_out, 1),
        )

    def forward(self, maps: Float[Tensor, "b c h w"]) -> Float[Tensor, "b _ p q"]:
        """The layers, with the shortcut if there is one."""
        return maps + self.layers(maps) if self.added else self.layers(maps)


def _stage(n_in: int, n_out: int, *, expansion: int, depth: int, stride: int) -> list[nn.Module]:
    ends = [(n_in, stride), *[(n_out, 1)] * (depth - 1)]
    return [Bottleneck(n, n_out, expansion, step) for n, step in ends]


def _conv(n_in: int, n_out: int, side: int, *, stride: int = 1, groups: int = 1) -> list[nn.Module]:
    convolution = _linear_conv(n_in, n_out, side, stride=stride, padding=side // 2, groups=groups)
    return [*convolution, nn.PReLU(n_out)]


def _linear_conv(
    n_in: int, n_out: int, side: int, *, stride: int = 1, padding: int = 0, groups: int = 1
) -> list[nn.Module]:
    convolution = nn.Conv2d(n_in, n_out, side, stride, padding, groups=groups, bias=False)
    return [convolution, nn.BatchNorm2d(n_out)]
