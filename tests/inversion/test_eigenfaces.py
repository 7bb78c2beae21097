"""The span of public faces, and a search in it."""

from __future__ import annotations

from collections.abc import Callable

import torch

from faceveil.inversion.eigenfaces import Eigenfaces, spanned
from faceveil.inversion.problem import Problem
from faceveil.inversion.stage import Stage

Pose = Callable[..., Problem]


def test_the_gaussian_is_that_of_faces_and_their_mirror_images() -> None:
    faces = torch.rand(5, 2, 8, 8, generator=torch.Generator().manual_seed(1))
    both = torch.cat((faces, faces.flip(3)))
    mean, directions = spanned(faces, 100)
    torch.testing.assert_close(mean, both.mean(0))
    assert len(directions) == 9
    rows = directions.flatten(1)
    torch.testing.assert_close(
        rows.T @ rows, torch.cov(both.flatten(1).T, correction=0), atol=1e-5, rtol=0
    )
    few = spanned(faces, 3).directions
    torch.testing.assert_close(few, directions[:3])


def test_it_comes_near_to_the_centre_and_to_the_person(pose: Pose, scene: Stage) -> None:
    attack = Eigenfaces(steps=60, searches=2)
    start = Eigenfaces(steps=1, searches=2)
    for label, person in enumerate(scene.victim.people):
        found = attack(pose(attack, person))
        assert found.confidence > start(pose(start, person)).confidence + 0.2
        assert scene.victim.labels(found.images).item() == label


def test_a_strong_prior_keeps_to_the_mean_face(pose: Pose, scene: Stage) -> None:
    both = torch.cat((scene.public.photos, scene.public.photos.flip(3)))
    free, bound = (
        Eigenfaces(steps=80, searches=1, prior=prior)(pose(Eigenfaces(), "p0")).images
        for prior in (0.0, 100.0)
    )
    away = [(images - both.mean(0)).abs().mean() for images in (free, bound)]
    assert away[1] < 0.5 * away[0]
