"""A victim answers what its access allows, gives gradients, and keeps its key to itself."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tests.conftest import tiny_recogniser
from tests.inversion.conftest import trained
from tests.training.conftest import drawn_crops

from faceveil.core.errors import UsageError
from faceveil.inversion import victim
from faceveil.inversion.stage import Faces, Stage
from faceveil.training.ahm import Mixing
from faceveil.training.dctdp import Dctdp, Noisy
from faceveil.training.defence import Defence
from faceveil.training.instahide import InstaHide
from faceveil.training.spectral import PpfrFd


def test_it_knows_whom_it_was_trained_on(scene: Stage) -> None:
    target = scene.victim
    assert target.people == ("p0", "p1", "p2", "p3")
    found = target.labels(scene.private.photos)
    assert (found == scene.private.labels(target.people)).float().mean() > 0.8
    probabilities = target.probabilities(scene.private.photos)
    torch.testing.assert_close(probabilities.sum(1), torch.ones(len(found)))
    assert torch.equal(probabilities.argmax(1), found)
    logits = target.logits(scene.private.photos)
    cosines = target.embed(scene.private.photos) @ target.centres.T
    assert scene.run is not None
    torch.testing.assert_close(logits, scene.run.recipe.margin.s * cosines)
    torch.testing.assert_close(target.centres.norm(dim=1), torch.ones(4))


def test_white_boxes_give_gradients_and_others_answers_only(scene: Stage) -> None:
    images = scene.public.photos[:2].clone().requires_grad_()
    scene.victim.logits(images).sum().backward()  # type: ignore[no-untyped-call]
    assert images.grad is not None
    assert images.grad.abs().max() > 0
    black, label = scene.victim.limited("black-box"), scene.victim.limited("label-only")
    assert not black.probabilities(images).requires_grad
    for ask in (
        lambda: black.logits(images),
        lambda: black.embed(images),
        lambda: black.centres,
        lambda: black.network,
        lambda: black.batch_norms,
        lambda: black.masking(0),
        lambda: label.probabilities(images),
        lambda: label.limited("black-box"),
    ):
        with pytest.raises(UsageError, match=r"gives (black-box|label-only) access here"):
            ask()
    assert torch.equal(label.labels(images), scene.victim.labels(images))


def test_an_untrained_one_sees_through_the_same_mask(tmp_path: Path) -> None:
    crops = drawn_crops()
    run = trained(tmp_path, crops, PpfrFd(upsampling=4))
    nobody = victim.untrained(run)
    photos = crops.take(range(6)).float() / 255
    assert torch.equal(nobody.masking(0)(photos), run.learner.network.masking(photos))
    assert nobody.fingerprint != victim.of_run(run).fingerprint


def test_any_number_of_images_is_answered(scene: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = scene.victim.probabilities(scene.private.photos)
    monkeypatch.setattr(victim, "AT_ONCE", 5)
    torch.testing.assert_close(scene.victim.probabilities(scene.private.photos), whole)
    assert torch.equal(scene.victim.labels(scene.private.photos), whole.argmax(1))


def test_an_untrained_one_is_another_that_knows_nobody(scene: Stage) -> None:
    assert scene.run is not None
    nobody = victim.untrained(scene.run)
    assert nobody.people == scene.victim.people
    assert nobody.fingerprint != scene.victim.fingerprint
    assert nobody.fingerprint == victim.untrained(scene.run).fingerprint
    right = nobody.labels(scene.private.photos) == scene.private.labels(nobody.people)
    assert right.float().mean() < 0.6


def test_any_recogniser_knows_whoever_is_enrolled(scene: Stage) -> None:
    ada = tiny_recogniser("ada")
    enrolled = victim.of_recogniser(ada, scene.private.photos, scene.private.shown)
    assert enrolled.people == ("p0", "p1", "p2", "p3")
    assert enrolled.batch_norms == []
    assert not enrolled.masked
    with pytest.raises(UsageError, match="tells of no mask"):
        enrolled.masking(0)
    photos = Faces(scene.private.photos, scene.private.shown).showing(["p2"]).photos
    mean = enrolled.embed(photos).mean(0)
    torch.testing.assert_close(enrolled.centres[2], mean / mean.norm())


@pytest.mark.parametrize("defence", [InstaHide(), Dctdp(upsampling=8)])
def test_the_key_of_secret_draws_is_not_in_what_an_attacker_has(
    tmp_path: Path, defence: Defence
) -> None:
    run = trained(tmp_path, drawn_crops(), defence)
    target = victim.of_run(run)
    own, stolen = run.learner.network.masking, target.masking(0)
    assert isinstance(own, (Mixing, Noisy))
    assert isinstance(stolen, (Mixing, Noisy))
    assert not torch.equal(own.key, stolen.key)
    assert torch.equal(stolen.key, target.masking(0).key)
    images = drawn_crops().take([0, 1]).float() / 255
    assert torch.equal(own(images), stolen(images))  # queries are masked as the file does it
