"""Fitting lowers the loss, step by step, at the rate asked for."""

from __future__ import annotations

import torch
from torch import nn

from faceveil.inversion.descent import fit


def test_a_network_is_fitted_in_so_many_steps() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Linear(4, 1)
    inputs = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
    losses, asked = [], []

    def loss_of(step: int) -> torch.Tensor:
        asked.append(step)
        loss = (network(inputs)[:, 0] - inputs.sum(1)).square().mean()
        losses.append(loss.item())
        return loss

    fit(network, loss_of, steps=50, lr=0.1)
    assert asked == list(range(50))
    assert losses[-1] < 0.1 * losses[0]
