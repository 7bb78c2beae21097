"""Margins against pytorch-metric-learning, and on soft labels."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch
from pytorch_metric_learning import losses
from torch import Tensor, nn
from torch.nn.functional import normalize

from faceveil.core.errors import UsageError
from faceveil.training.defence import Labels
from faceveil.training.margins import AdaFace, ArcFace, CosFace, Head, Margin, SphereFace

N_PEOPLE, SIZE = 7, 5


def head(margin: Margin) -> Head:
    torch.manual_seed(1)
    return Head(margin, SIZE, N_PEOPLE).eval()


def embeddings(n: int = 64) -> Tensor:
    return torch.randn(n, SIZE, generator=torch.Generator().manual_seed(2))


def people(n: int = 64) -> Tensor:
    return torch.arange(n) % N_PEOPLE


@pytest.mark.filterwarnings("ignore:__array_wrap__")  # the oracle's, with NumPy 2
@pytest.mark.parametrize(
    ("margin", "oracle", "theirs"),
    [
        (ArcFace(), losses.ArcFaceLoss, math.degrees(0.5)),
        (ArcFace(m=1.2), losses.ArcFaceLoss, math.degrees(1.2)),
        (CosFace(), losses.CosFaceLoss, 0.35),
        (SphereFace(m=4, s=30), losses.SphereFaceLoss, 4),
        (SphereFace(m=2), losses.SphereFaceLoss, 2),
    ],
)
def test_losses_and_gradients_are_those_of_pytorch_metric_learning(
    margin: Margin, oracle: Callable[..., nn.Module], theirs: float
) -> None:
    other = oracle(N_PEOPLE, SIZE, margin=theirs, scale=margin.s)
    ours = head(margin)
    other.W.data = ours.centres.data.T.clone()
    x = normalize(embeddings()).requires_grad_()  # SphereFace there scales by the norm
    loss = ours(x, Labels.hard(people())).mean()
    expected = other(x, people())
    torch.testing.assert_close(loss, expected, rtol=1e-4, atol=1e-4)
    (mine,) = torch.autograd.grad(loss, ours.centres)
    (its,) = torch.autograd.grad(expected, other.W)
    torch.testing.assert_close(mine, its.T, rtol=1e-3, atol=1e-3)


def test_adaface_is_its_formula() -> None:
    """Kim et al. 2022, equations 8 to 10, as in the authors' head.py."""
    ours = head(AdaFace())
    x = embeddings() * torch.linspace(0.01, 60, 64)[:, None]
    norms = x.norm(dim=1).clamp(1e-3, 100)
    quality = ((norms - 20) / (100 + 1e-3) * 0.333).clamp(-1, 1)
    cosines = (normalize(x) @ normalize(ours.centres).T).clamp(-1 + 1e-3, 1 - 1e-3)
    right = torch.nn.functional.one_hot(people(), N_PEOPLE).bool()
    angle = cosines.acos() - (0.4 * quality)[:, None] * right
    logits = angle.clamp(1e-3, math.pi - 1e-3).cos() - (0.4 + 0.4 * quality)[:, None] * right
    expected = torch.nn.functional.cross_entropy(64 * logits, people(), reduction="none")
    torch.testing.assert_close(ours(x, Labels.hard(people())), expected, rtol=1e-4, atol=2e-2)


def test_adaface_follows_the_norms_in_training_only() -> None:
    ours = head(AdaFace())
    ours(embeddings(), Labels.hard(people()))
    assert (ours.norm_mean, ours.norm_std) == (20, 100)
    norms = embeddings().norm(dim=1)
    ours.train()(embeddings(), Labels.hard(people()))
    assert float(ours.norm_mean) == pytest.approx(0.99 * 20 + 0.01 * float(norms.mean()))
    assert float(ours.norm_std) == pytest.approx(0.99 * 100 + 0.01 * float(norms.std()))


@pytest.mark.parametrize("margin", [ArcFace(), CosFace(), SphereFace(m=4), AdaFace()])
def test_psi_falls_with_the_angle_and_has_a_gradient_everywhere(margin: Margin) -> None:
    cosine = torch.linspace(1, -1, 2001, requires_grad=True)
    psi = margin.psi(cosine, torch.zeros_like(cosine))
    assert (psi.diff() <= 1e-5).all()
    assert (psi <= cosine + 1e-3).all()
    (gradient,) = torch.autograd.grad(psi.sum(), cosine)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("margin", [ArcFace(), CosFace(), SphereFace(), AdaFace()])
def test_soft_labels_weigh_the_losses_of_hard_ones(margin: Margin) -> None:
    ours, x = head(margin), embeddings(4)
    one, other = people(4), (people(4) + 3) % N_PEOPLE
    weights = torch.tensor([[0.6, 0.4], [0.3, 0.3], [1, 0], [0, 0]])
    soft = ours(x, Labels(torch.stack((one, other), 1), weights))
    hard = torch.stack([ours(x, Labels.hard(label)) for label in (one, other)], 1)
    torch.testing.assert_close(soft, (weights * hard).sum(1))
    assert soft[3] == 0


@pytest.mark.parametrize("smoothing", [0.1, -0.05])
def test_smoothing_is_a_label_of_everybody_and_may_be_negative(smoothing: float) -> None:
    x, labels = embeddings(4), Labels.hard(people(4))
    ours, plain = head(CosFace(m=0, smoothing=smoothing)), head(CosFace(m=0))
    everyone = [plain(x, Labels.hard(torch.full((4,), each))) for each in range(N_PEOPLE)]
    spread = torch.stack(everyone).mean(0)
    expected = (1 - smoothing) * plain(x, labels) + smoothing * spread
    torch.testing.assert_close(ours(x, labels), expected)


def test_half_precision_around_it_changes_nothing() -> None:
    ours, x = head(ArcFace()), embeddings()
    with torch.autocast("cpu", torch.bfloat16):
        inside = ours(x, Labels.hard(people()))
    torch.testing.assert_close(inside, ours(x, Labels.hard(people())), rtol=0, atol=0)


def test_a_margin_that_makes_it_easier_is_refused() -> None:
    with pytest.raises(UsageError, match="sphereface: m must be at least 1"):
        SphereFace(m=0.9)
