"""Searches in a GAN's latent space come to whom the recogniser takes for the person."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch

from faceveil.inversion.brep_mi import BrepMi
from faceveil.inversion.gan import GanSettings
from faceveil.inversion.gmi import Gmi
from faceveil.inversion.ked_mi import KedMi, Spread, log_real
from faceveil.inversion.kept import Kept
from faceveil.inversion.latent import LatentSearch, Points
from faceveil.inversion.lomma import Lomma, Students
from faceveil.inversion.plg_mi import PlgMi, Told, short_of
from faceveil.inversion.problem import Problem
from faceveil.inversion.stage import Stage

Pose = Callable[..., Problem]

GAN = GanSettings(latent=12, steps=10, batch=8)


@pytest.mark.parametrize(
    "attack",
    [
        Gmi(gan=GAN, steps=40),
        KedMi(gan=GAN, steps=40, tuning=5),
        Lomma(gan=GAN, steps=40, lessons=20),
        PlgMi(gan=GAN, steps=40, tuning=5, labelled=4),
    ],
    ids=lambda attack: attack.name,
)
def test_the_recogniser_takes_the_result_for_the_person(
    attack: LatentSearch, pose: Pose, scene: Stage
) -> None:
    kept, right = Kept(), 0
    for label, person in enumerate(scene.victim.people):
        found = attack(pose(attack, person, kept=kept))
        start = replace(attack, steps=0)(pose(attack, person, kept=kept))
        assert found.confidence[0] >= start.confidence[0]
        right += scene.victim.labels(found.images[:1]).item() == label
    assert right >= 2


def test_labels_alone_lead_inside_a_persons_region(pose: Pose, scene: Stage) -> None:
    attack = BrepMi(gan=GAN, steps=40, radius=0.3, points=16, draws=512)
    kept, radii, right = Kept(), [], 0
    for label, person in enumerate(scene.victim.people):
        found = attack(pose(attack, person, kept=kept))
        if found.confidence > 0:
            radii.append(found.confidence.item())
            right += scene.victim.labels(found.images).item() == label
    assert right == len(radii) >= 2
    assert max(radii) > 0.3


def test_where_no_draw_is_the_person_the_mean_face_is_given(
    pose: Pose, scene: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    def somebody(self: object, images: torch.Tensor) -> torch.Tensor:
        return torch.zeros(len(images), dtype=torch.long)

    monkeypatch.setattr(type(scene.victim), "labels", somebody)
    attack = BrepMi(gan=GAN, draws=8)
    found = attack(pose(attack, "p1"))
    assert found.confidence.tolist() == [0.0]
    mean = scene.public.photos.mean(0)
    torch.testing.assert_close(found.images[0], mean, atol=1 / 255, rtol=0)


def test_points_stay_within_their_bound_and_a_spread_is_normal() -> None:
    draw = torch.Generator().manual_seed(0)
    with torch.no_grad():
        inside = Points(torch.tensor([[0.1, 50.0]]), 2.5)(draw)
        spread = Spread(4000, 2)
        spread.mean.copy_(torch.tensor([1.0, -2.0]))
        spread.log_deviation.fill_(-1.0)
        z = spread(draw)
    torch.testing.assert_close(inside, torch.tensor([[0.1, 2.5]]), atol=1e-3, rtol=0)
    torch.testing.assert_close(z.mean(0), torch.tensor([1.0, -2.0]), atol=0.05, rtol=0)
    torch.testing.assert_close(z.std(0), torch.full((2,), -1.0).exp(), atol=0.05, rtol=0)


def test_the_formulas_are_those_of_the_papers() -> None:
    logits = torch.tensor([[1.0, 4.0, 2.0], [3.0, 0.0, -1.0]])
    assert short_of(logits, torch.tensor([2, 0])).item() == pytest.approx((2 - 3) / 2)
    total = logits.exp().sum(1)
    torch.testing.assert_close(log_real(logits), (total / (total + 1)).log())


def test_places_move_a_person_and_nobody_else() -> None:
    told = Told(torch.nn.Unflatten(1, (2, 1, 1)), 3, 2)
    with torch.no_grad():
        told.places[1] = torch.tensor([1.0, -1.0])
        moved = told(torch.zeros(2, 2), torch.tensor([0, 1]))
    assert moved.flatten(1).tolist() == [[0.0, 0.0], [1.0, -1.0]]


def test_students_learn_the_recognisers_embeddings(pose: Pose, scene: Stage) -> None:
    def alike(lessons: int) -> float:
        attack = Lomma(gan=GAN, lessons=lessons, students=2)
        students: Students = attack._taught(pose(attack, "p0"))
        photos = scene.public.photos
        known = scene.victim.embed(photos)
        torch.testing.assert_close(students.mean, known.mean(0))
        return min((answer * known).sum(1).mean().item() for answer in students(photos))

    assert alike(60) > max(0.5, alike(1) + 0.1)
