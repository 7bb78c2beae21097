"""DP-SGD: gradients photo by photo, what is clipped, how much noise, and what that proves."""

from __future__ import annotations

import math
from pathlib import Path

import pytest
import torch
from tests.training.conftest import Tiny, open_loop, run_loop, tiny_recipe
from torch import nn

from faceveil.core.errors import UsageError
from faceveil.training import lines
from faceveil.training.defence import Labels, Masked
from faceveil.training.dp_sgd import DpSgd, by_groups, epsilon, per_photo, renyi
from faceveil.training.export import card
from faceveil.training.journal import LOG
from faceveil.training.margins import ArcFace, Head
from faceveil.training.optimisers import Sgd

INPUTS = torch.rand(5, 3, 16, 16, generator=torch.Generator().manual_seed(0))
MASKED = Masked(INPUTS, Labels.hard(torch.tensor([0, 1, 2, 0, 1])))


def network() -> tuple[nn.Module, Head]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        backbone = DpSgd().build(16).around(Tiny(dropout=0).build(3, 16), 8)
        return backbone, Head(ArcFace(s=8, m=0.2), 8, 3)


def by_hand(backbone: nn.Module, head: Head) -> list[torch.Tensor]:
    """Every photo's gradient in one row, by one backward pass each."""
    weights = [*backbone.parameters(), *head.parameters()]
    rows = []
    for i in range(len(INPUTS)):
        labels = Labels(*(each[i : i + 1] for each in MASKED.labels))
        gradients = torch.autograd.grad(head(backbone(INPUTS[i : i + 1]), labels)[0], weights)
        rows.append(torch.cat([gradient.flatten() for gradient in gradients]))
    return rows


def private(noise: float, clip: float) -> torch.Tensor:
    """The gradient that a step would follow, in one row."""
    backbone, head = network()
    masking = DpSgd(noise=noise, clip=clip, draws="seeded").build(16)
    masking.train_mask(INPUTS, torch.zeros(len(INPUTS), dtype=torch.long), 7)
    losses, term = masking.judge(MASKED, backbone, head)
    assert float(term.detach()) == 0
    torch.testing.assert_close(losses, head(backbone(INPUTS), MASKED.labels))
    (losses.mean() + term).backward()
    weights = [*backbone.parameters(), *head.parameters()]
    return torch.cat([weight.grad.flatten() for weight in weights if weight.grad is not None])


def test_every_photo_has_the_gradient_it_would_have_alone() -> None:
    backbone, head = network()
    head.eval()
    _, gradients = per_photo(MASKED, backbone, head)
    rows = torch.cat([gradient.flatten(1) for gradient in gradients.values()], 1)
    torch.testing.assert_close(rows, torch.stack(by_hand(backbone, head)), atol=1e-5, rtol=1e-4)


def test_long_gradients_are_cut_and_short_ones_left() -> None:
    backbone, head = network()
    rows = by_hand(backbone, head.eval())
    clip = float(torch.stack([row.norm() for row in rows]).median())
    expected = sum(row * min(1, clip / float(row.norm())) for row in rows) / len(rows)
    found = private(noise=1e-9, clip=clip)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_noise_is_as_large_as_the_clip_says_whatever_the_photos_are() -> None:
    torch.manual_seed(1)  # of the draws
    noise = private(noise=3, clip=2) - private(noise=1e-9, clip=2)
    assert float(noise.std()) == pytest.approx(3 * 2 / len(INPUTS), rel=0.1)
    assert float(noise.mean()) == pytest.approx(0, abs=0.1)


def test_noise_is_secret_unless_it_is_to_be_repeated_and_then_nothing_is_proved() -> None:
    def gradient(defence: DpSgd, seed: int) -> torch.Tensor:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            masking = defence.build(16)
        backbone, head = network()
        masking.train_mask(INPUTS, torch.zeros(len(INPUTS), dtype=torch.long), seed)
        _, term = masking.judge(MASKED, backbone, head)
        (found,) = torch.autograd.grad(term, [head.centres])
        return found

    seeded = DpSgd(draws="seeded")
    assert torch.equal(gradient(seeded, 1), gradient(seeded, 1))
    assert not torch.equal(gradient(seeded, 1), gradient(seeded, 2))
    assert not torch.equal(gradient(DpSgd(), 1), gradient(DpSgd(), 1))
    assert seeded.proved(100, 10, 5) == {}


def test_a_delta_that_proves_nothing_is_refused() -> None:
    assert DpSgd(delta=0.0099).proved(100, 10, 5)["delta"] == 0.0099
    with pytest.raises(UsageError, match=r"0.01 proves nothing for 100 photos.* below 0.01"):
        DpSgd(delta=0.01).proved(100, 10, 5)


def test_no_photo_sees_another() -> None:
    grouped = by_groups(nn.Sequential(nn.BatchNorm2d(64), nn.Sequential(nn.BatchNorm1d(24))))
    assert [module.num_groups for module in grouped.modules() if hasattr(module, "num_groups")] == [
        4,
        1,
    ]
    backbone, _ = network()
    backbone.train()
    torch.testing.assert_close(backbone(INPUTS)[:2], backbone(INPUTS[:2]))


@pytest.mark.parametrize(("noise", "rate", "order"), [(1.0, 0.1, 2), (0.7, 0.3, 5), (2.0, 0.01, 9)])
def test_renyis_epsilon_is_its_integral(noise: float, rate: float, order: int) -> None:
    """log E[(mixture / Gaussian)^order] / (order - 1), summed over a fine grid."""
    x = torch.linspace(-40, 40, 400001, dtype=torch.float64)
    gaussian = -0.5 * (x / noise).square() - math.log(noise * math.sqrt(2 * math.pi))
    ratio = (1 - rate) + rate * ((2 * x - 1) / (2 * noise**2)).exp()
    integral = torch.trapezoid((gaussian + order * ratio.log()).exp(), x)
    assert renyi(noise, rate, order) == pytest.approx(math.log(integral) / (order - 1), rel=1e-6)


def test_epsilon_grows_with_steps_and_falls_with_noise() -> None:
    assert epsilon(1, 0.1, 0, 1e-3) == 0
    spent = [epsilon(1, 0.1, n, 1e-3) for n in (1, 10, 100)]
    assert spent == sorted(spent)
    assert epsilon(2, 0.1, 100, 1e-3) < spent[-1] < epsilon(1, 0.1, 100, 1e-6)
    assert epsilon(1, 1, 1, 1e-3) == pytest.approx(
        min(
            a / 2 + math.log1p(-1 / a) - (math.log(1e-3) + math.log(a)) / (a - 1)
            for a in range(2, 64)
        )
    )


def test_a_run_learns_and_says_what_is_proved(tmp_path: Path) -> None:
    recipe = tiny_recipe(
        defence=DpSgd(noise=0.3, clip=5), epochs=15, evaluate_every=100, optimiser=Sgd(lr=0.05)
    )
    run_loop(open_loop(recipe, tmp_path))
    records = [record for record in lines.read(tmp_path / LOG) if "loss" in record]
    assert records[-1]["loss"] < records[0]["loss"]
    spent = [record["poisson_epsilon"] for record in records]
    assert spent == sorted(spent)
    assert spent[-1] == pytest.approx(epsilon(0.3, 8 / 24, 45, 1e-3))
    said = card(recipe, b"", 6, 24).title
    assert said.endswith(f"defended by dp-sgd, poisson_epsilon {spent[-1]:.3g}, delta 0.001")
