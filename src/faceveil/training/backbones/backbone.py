"""What every backbone is: a frozen dataclass that builds a network from any input to embeddings."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from faceveil.core.config import Strict
from faceveil.core.ranges import Count

LEAST_PX = 5
"""The side the last map keeps at least; from 112 px, four halvings leave 7."""


@dataclass(frozen=True)
class Backbone(Strict, ABC):
    """A network; the fields of a subclass are its whole configuration.

    Attributes:
        embedding_size: numbers a face is embedded in.
    """

    name: ClassVar[str]

    embedding_size: Count = 512

    @abstractmethod
    def build(self, n_channels: int, side_px: int) -> nn.Module:
        """The network from inputs ``b n_channels side_px side_px`` to ``b embedding_size``."""


def strides(side_px: int) -> Iterator[int]:
    """The stride of each place that can halve the map, in order: 2 as long as enough is left.

    A network for 112 px has four such places. Smaller inputs (crops for quick experiments, grids of
    frequencies) are halved in the first ones only, so that the last map keeps its size.
    """
    for _ in range(4):
        halved = math.ceil(side_px / 2)
        stride = 2 if halved >= LEAST_PX else 1
        side_px = halved if stride == 2 else side_px
        yield stride


def last_side_px(side_px: int) -> int:
    """The side of the last map of an input of ``side_px``."""
    for stride in strides(side_px):
        side_px = math.ceil(side_px / stride)
    return side_px
