"""Descending on a loss: a step, and the training of a network."""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor, nn


def descend(optimiser: torch.optim.Optimizer, loss: Float[Tensor, ""]) -> None:
    """One step of an optimiser."""
    optimiser.zero_grad()
    torch.autograd.backward(loss)
    optimiser.step()


def fit(
    network: nn.Module, loss_of: Callable[[int], Float[Tensor, ""]], *, steps: int, lr: float
) -> None:
    """Train by Adam, its rate rising to ``lr`` and falling to nothing in one cycle (Smith, 2018).

    Args:
        network: in training mode.
        loss_of: of the step of this number.
        steps: how many.
        lr: the highest rate.
    """
    optimiser = torch.optim.Adam(network.parameters(), lr=lr)
    rates = torch.optim.lr_scheduler.OneCycleLR(optimiser, max_lr=lr, total_steps=steps + 1)
    for step in range(steps):
        descend(optimiser, loss_of(step))
        rates.step()
