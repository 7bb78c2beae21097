"""A decoder learns to go back from embeddings, once for all people."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from faceveil.core.errors import UsageError
from faceveil.inversion import embedding
from faceveil.inversion.embedding import CentreInversion, TemplateInversion
from faceveil.inversion.kept import Kept
from faceveil.inversion.problem import Problem
from faceveil.inversion.stage import Stage

Pose = Callable[..., Problem]


def test_what_is_decoded_embeds_near_the_embedding(pose: Pose) -> None:
    found = {
        steps: TemplateInversion(steps=steps, batch=8)(pose(TemplateInversion(), "p0")).confidence
        for steps in (1, 60)
    }
    assert found[60] > max(0.5, found[1] + 0.1)


def test_a_public_face_comes_back_closer_than_the_mean_face(pose: Pose, scene: Stage) -> None:
    attack = TemplateInversion(steps=80, batch=8, lr=0.01, identity=0.1)
    kept = Kept()
    faces = scene.public.photos[[0, 7]]
    found = torch.cat(
        [
            attack(pose(attack, "p0", template=template, kept=kept)).images
            for template in scene.victim.embed(faces)
        ]
    )
    ahead = (found - faces).abs().mean()
    assert ahead < 0.9 * (scene.public.photos.mean(0) - faces).abs().mean()


def test_it_is_trained_once_for_people_and_for_templates_and_centres(
    pose: Pose, monkeypatch: pytest.MonkeyPatch
) -> None:
    trainings = []
    fit = embedding.fit

    def counted(*args: object, **options: object) -> None:
        trainings.append(options)
        fit(*args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(embedding, "fit", counted)
    kept = Kept()
    for attack in (TemplateInversion(steps=2, batch=2), CentreInversion(steps=2, batch=2)):
        for person in ("p0", "p1"):
            attack(pose(attack, person, kept=kept))
    assert len(trainings) == 1
    other = CentreInversion(steps=3, batch=2)
    other(pose(other, "p0", kept=kept))
    assert len(trainings) == 2


def test_centres_need_no_leak_and_templates_do(pose: Pose) -> None:
    few = {"steps": 2, "batch": 2}
    CentreInversion(**few)(pose(CentreInversion(), "p0", template=None))
    with pytest.raises(UsageError, match="no template of the person has leaked"):
        TemplateInversion(**few)(pose(TemplateInversion(), "p0", template=None))
