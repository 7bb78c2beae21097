"""The bottleneck: what it charges, what it adds, and that nothing of it is left once finished."""

from __future__ import annotations

from pathlib import Path

import torch
from tests.training.conftest import Tiny, open_loop, run_loop, tiny_recipe
from torch.distributions import Normal, kl_divergence

from faceveil.training import checkpoint
from faceveil.training.checkpoint import CHECKPOINT
from faceveil.training.defence import Labels, Masked
from faceveil.training.margins import ArcFace, Head
from faceveil.training.mid import Bottleneck, Mid, divergence


def test_the_charge_is_the_divergence_from_a_standard_gaussian() -> None:
    mean, log_variance = torch.randn(2, 5, 7).unbind()
    expected = kl_divergence(Normal(mean, (0.5 * log_variance).exp()), Normal(0.0, 1.0)).sum(1)
    torch.testing.assert_close(divergence(mean, log_variance), expected)


def test_training_sees_noise_of_the_layers_deviation_and_everyone_else_the_mean() -> None:
    masking = Mid(beta=0.5).build(16)
    backbone = masking.around(Tiny(norm=False, dropout=0).build(3, 16), 8)
    assert isinstance(backbone, Bottleneck)
    backbone.log_variance.bias.data.fill_(-2)
    seen: list[torch.Tensor] = []

    class Kept(Head):
        def forward(self, embeddings: torch.Tensor, labels: Labels) -> torch.Tensor:
            seen.append(embeddings)
            return super().forward(embeddings, labels)

    inputs = torch.rand(1, 3, 16, 16).expand(4000, 3, 16, 16)
    masked = Masked(inputs, Labels.hard(torch.zeros(4000, dtype=torch.long)))
    losses, charge = masking.judge(masked, backbone, Kept(ArcFace(), 8, 3))
    mean = backbone(inputs[:1])
    torch.testing.assert_close(seen[0].mean(0), mean[0], atol=0.05, rtol=0)
    torch.testing.assert_close(seen[0].std(0), torch.full((8,), 0.3679), atol=0.03, rtol=0)
    torch.testing.assert_close(charge, 0.5 * divergence(mean, torch.full((1, 8), -2.0))[0])
    assert losses.shape == (4000,)


def test_a_run_learns_the_deviation_too(tmp_path: Path) -> None:
    run_loop(open_loop(tiny_recipe(defence=Mid()), tmp_path))
    state = checkpoint.load(tmp_path / CHECKPOINT)["learner"]
    assert state["network.backbone.log_variance.weight"].abs().max() > 0
