"""Dependency: against its definition, where it must be nothing or all, and in a run."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.training.conftest import Tiny, open_loop, run_loop, tiny_recipe
from torch import nn

from faceveil.core.errors import UsageError
from faceveil.training import lines
from faceveil.training.bido import Bido, dependency, gaussian, whitened
from faceveil.training.defence import Labels, Masked
from faceveil.training.distributed import Precision
from faceveil.training.journal import LOG
from faceveil.training.margins import ArcFace, Head

PEOPLE = torch.arange(6) % 3
DRAW = torch.Generator().manual_seed(0)


def test_the_kernel_is_gaussian_in_the_mean_square_difference() -> None:
    rows = torch.rand(4, 2, 3, generator=DRAW)
    expected = (-(rows[0] - rows[3]).square().mean() / 50).exp()
    torch.testing.assert_close(gaussian(rows)[0, 3], expected)


def test_it_is_the_trace_of_two_whitened_kernels() -> None:
    one, other = (gaussian(30 * torch.randn(6, 4, generator=DRAW)).double() for _ in range(2))
    centring = torch.eye(6, dtype=torch.float64) - 1 / 6
    expected = torch.eye(6, dtype=torch.float64)
    for kernel in (one, other):
        centred = centring @ kernel @ centring
        expected = expected @ centred @ torch.linalg.inv(centred + 6e-5 * torch.eye(6))
    found = dependency(whitened(one.float()), whitened(other.float()))
    torch.testing.assert_close(found.double(), expected.trace(), rtol=1e-3, atol=1e-3)


def test_a_layer_that_knows_the_label_depends_on_it_and_a_constant_one_on_nothing() -> None:
    label = whitened((PEOPLE[:, None] == PEOPLE).float())
    knows = whitened(gaussian(50 * nn.functional.one_hot(PEOPLE).float()))
    says_nothing = whitened(gaussian(torch.ones(6, 4)))
    assert dependency(knows, label) == pytest.approx(2, abs=0.01)
    assert dependency(says_nothing, label) == pytest.approx(0, abs=0.01)


def test_the_term_descends_by_depending_less_on_the_photo_and_the_losses_are_as_ever() -> None:
    masking = Bido(lambda_x=1, lambda_y=0).build(16)
    backbone = masking.around(Tiny(dropout=0).build(3, 16), 8)
    head = Head(ArcFace(), 8, 3)
    masked = Masked(torch.rand(6, 3, 16, 16, generator=DRAW), Labels.hard(PEOPLE))
    losses, term = masking.judge(masked, backbone, head)
    torch.testing.assert_close(losses, head(backbone(masked.inputs), masked.labels))
    gradients = torch.autograd.grad(term, list(backbone.parameters()))
    length = torch.cat([gradient.flatten() for gradient in gradients]).norm()
    with torch.no_grad():
        for weight, gradient in zip(backbone.parameters(), gradients, strict=True):
            weight.sub_(1e-3 * gradient / length)
    assert masking.judge(masked, backbone, head)[1] < term


@pytest.mark.parametrize("precision", ["32-true", "bf16-mixed"])
def test_a_run(tmp_path: Path, precision: Precision) -> None:
    recipe = tiny_recipe(defence=Bido(), precision=precision, epochs=15, evaluate_every=100)
    run_loop(open_loop(recipe, tmp_path))
    losses = [record["loss"] for record in lines.read(tmp_path / LOG) if "loss" in record]
    assert losses[-1] < losses[0]


def test_a_backbone_without_layers_is_refused() -> None:
    with pytest.raises(UsageError, match="fewer than 4 in this one: choose mobilefacenet"):
        Bido().build(16).around(nn.Linear(3, 8), 8)
