"""A GAN draws faces like the public ones, and attacks share it."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from faceveil.inversion import gan as gans
from faceveil.inversion.brep_mi import BrepMi
from faceveil.inversion.eigenfaces import spanned
from faceveil.inversion.gan import Gan, GanSettings, Generator, hinge
from faceveil.inversion.gmi import Gmi
from faceveil.inversion.kept import Kept
from faceveil.inversion.lomma import Lomma
from faceveil.inversion.problem import Problem

Pose = Callable[..., Problem]

FEW = GanSettings(latent=6, steps=2, batch=4)


def test_a_generator_begins_at_the_eigenfaces() -> None:
    faces = 0.2 + 0.6 * torch.rand(8, 1, 20, 20, generator=torch.Generator().manual_seed(0))
    span = spanned(faces, 3)
    z = torch.tensor([[0.5, -0.5, 0.0, 2.0, 0.0], [0.0, 0.0, 0.0, 0.0, 0.0]])
    with torch.no_grad():
        drawn = Generator(5, span).eval()(z)
    wanted = span.mean + torch.einsum("nk,kchw->nchw", z[:, :3], span.directions)
    torch.testing.assert_close(drawn, wanted.clamp(0.02, 0.98), atol=0.02, rtol=0)


class Shift(nn.Module):
    """Moves what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.by = nn.Parameter(torch.zeros(1))

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        return z + self.by


def test_taking_turns_moves_what_is_drawn_to_what_is_real() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        gan = Gan(Shift(), nn.Linear(1, 1))
    draw = torch.Generator().manual_seed(0)

    def z() -> torch.Tensor:
        return torch.randn(32, 1, generator=draw)

    def critic_loss() -> torch.Tensor:
        return hinge(gan.critic(z() + 1.5), gan.critic(gan.generator(z()).detach()))

    def generator_loss() -> torch.Tensor:
        return -gan.critic(gan.generator(z())).mean()

    gans.alternate(gan, critic_loss, generator_loss, steps=200, lr=0.02)
    assert gan.generator.by.item() == pytest.approx(1.5, abs=0.7)


def test_the_hinge_is_that_of_the_paper() -> None:
    real, fake = torch.tensor([2.0, 0.5]), torch.tensor([-3.0, 1.0])
    assert hinge(real, fake).item() == pytest.approx((0 + 0.5) / 2 + (0 + 2) / 2)


def test_attacks_on_any_person_share_one(pose: Pose, monkeypatch: pytest.MonkeyPatch) -> None:
    trainings = []
    alternate = gans.alternate

    def counted(*args: object, **options: object) -> None:
        trainings.append(options)
        alternate(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(gans, "alternate", counted)
    kept = Kept()
    few = {"gan": FEW, "steps": 1}
    for attack in (Gmi(**few), Lomma(**few, lessons=1), BrepMi(**few, points=2)):
        for person in ("p0", "p1"):
            attack(pose(attack, person, kept=kept))
    assert len(trainings) == 1
