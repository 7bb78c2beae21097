"""Looking into a stolen network: what reaches its batch-norm layers, beside what they expect."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

from jaxtyping import Float
from torch import Tensor, nn


class Reached(NamedTuple):
    """What reached one layer, and the mean and variance it keeps of what it was trained on."""

    maps: Float[Tensor, "b c h w"]
    mean: Float[Tensor, " c"]
    variance: Float[Tensor, " c"]


@contextmanager
def watched(layers: Sequence[nn.BatchNorm2d]) -> Iterator[list[Reached]]:
    """A list that every pass through the network adds to, layer by layer; empty it in between."""
    seen: list[Reached] = []

    def note(layer: nn.BatchNorm2d, inputs: tuple[Any, ...]) -> None:
        if layer.running_mean is not None and layer.running_var is not None:
            seen.append(Reached(inputs[0], layer.running_mean, layer.running_var))

    hooks = [layer.register_forward_pre_hook(note) for layer in layers]
    try:
        yield seen
    finally:
        for hook in hooks:
            hook.remove()
