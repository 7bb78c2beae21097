"""The moving average of a network, which is often better than the network itself."""

from __future__ import annotations

from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

Tensors = tuple[Tensor, ...] | list[Tensor]


def moving_average(network: nn.Module, decay: float) -> AveragedModel | None:
    """The average of weights and statistics, exponential with ``decay``; None for a decay of 0."""
    if not decay:
        return None

    def follow(averages: Tensors, values: Tensors, n: Tensor | int) -> None:
        for average, value in zip(averages, values, strict=True):
            if average.is_floating_point():
                average.lerp_(value, 1 - decay)
            else:  # counts and indices, which have no mean
                average.copy_(value)

    return AveragedModel(network, multi_avg_fn=follow, use_buffers=True)
