"""A conditional GAN undoes a mask as the U-Net does, and its critic has a say."""

from __future__ import annotations

from collections.abc import Callable

import torch

from faceveil.inversion.cgan_recovery import CganRecovery, beside
from faceveil.inversion.problem import Problem
from faceveil.inversion.stage import Stage

Pose = Callable[..., Problem]


def test_an_undefended_input_comes_back_where_likeness_counts(pose: Pose, scene: Stage) -> None:
    photos = scene.private.showing(["p0"]).photos

    def error(likeness: float) -> float:
        attack = CganRecovery(steps=40, batch=4, likeness=likeness)
        found = attack(pose(attack, "p0")).images[0]
        return (photos - found).abs().flatten(1).mean(1).min().item()

    floor = (photos - scene.public.photos.mean(0)).abs().flatten(1).mean(1).min()
    assert error(100.0) < 0.7 * floor
    assert error(0.0) > 1.1 * error(100.0)


def test_masked_faces_of_a_coarser_grid_stand_beside_faces() -> None:
    faces, masked = torch.rand(2, 1, 16, 16), torch.rand(2, 5, 4, 4)
    both = beside(faces, masked)
    assert both.shape == (2, 6, 16, 16)
    assert torch.equal(both[:, :1], faces)
    assert torch.equal(both[:, 1:, ::4, ::4], masked)
