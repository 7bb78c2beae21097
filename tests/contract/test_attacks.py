"""What every registered attack must do, whatever it is."""

from __future__ import annotations

import dataclasses
import inspect
from collections.abc import Callable

import pytest
import torch
from tests.conftest import tiny_recogniser
from tests.contract.ends import ends
from tests.inversion.conftest import mixed_scene, pose, quick, scene
from tests.training.conftest import drawn_crops

from faceveil.core import config
from faceveil.core.errors import UsageError
from faceveil.inversion import stage
from faceveil.inversion.attack import Attack
from faceveil.inversion.kept import Kept
from faceveil.inversion.problem import Problem
from faceveil.inversion.registry import ATTACKS, MEMBERSHIP, chosen
from faceveil.inversion.stage import Stage

Pose = Callable[..., Problem]

__all__ = ["mixed_scene", "pose", "scene"]  # fixtures


@pytest.fixture(params=list(ATTACKS))
def attack(request: pytest.FixtureRequest) -> Attack:
    return quick(ATTACKS[request.param])


@pytest.fixture
def apt(attack: Attack, scene: Stage, mixed_scene: Stage) -> Stage:
    """A victim that it can be made on."""
    return next(one for one in (scene, mixed_scene) if attack.obstacle(one.victim) is None)


def test_it_gives_pictures_the_most_trusted_first(attack: Attack, pose: Pose, apt: Stage) -> None:
    images, confidence = attack(pose(attack, "p1", of=apt))
    assert images.shape == (len(confidence), 3, 16, 16)
    assert len(confidence) > 0
    steps = 255 * images
    torch.testing.assert_close(steps, steps.round(), atol=1e-3, rtol=0)
    assert 0 <= images.min() < images.max() <= 1
    assert confidence.tolist() == sorted(confidence.tolist(), reverse=True)


def test_the_same_seed_gives_the_same_pictures_in_any_order_of_people(
    attack: Attack, pose: Pose, apt: Stage
) -> None:
    kept = Kept()
    forward = {one: attack(pose(attack, one, of=apt, kept=kept)) for one in ("p0", "p1", "p2")}
    others = Kept()
    backward = {one: attack(pose(attack, one, of=apt, kept=others)) for one in ("p2", "p0")}
    for person, found in backward.items():
        assert torch.equal(found.images, forward[person].images)
        assert torch.equal(found.confidence, forward[person].confidence)
    assert not torch.equal(forward["p0"].images, forward["p1"].images)


def test_nothing_it_is_given_changes(attack: Attack, pose: Pose, apt: Stage) -> None:
    before = apt.public.photos.clone(), apt.victim.fingerprint
    state = torch.random.get_rng_state()
    attack(pose(attack, "p3", of=apt))
    assert torch.equal(apt.public.photos, before[0])
    assert apt.victim.fingerprint == before[1]
    assert torch.equal(torch.random.get_rng_state(), state)
    assert not any(p.requires_grad for p in apt.victim.network.parameters())
    assert not any(m._forward_pre_hooks for m in apt.victim.network.modules())


def test_on_an_imported_recogniser_it_works_or_says_why_not(attack: Attack, pose: Pose) -> None:
    crops = drawn_crops()
    imported = stage.of_recogniser(tiny_recogniser("ada"), "people", "4:6", lambda spec: crops)
    obstacle = attack.obstacle(imported.victim)
    if obstacle is None:
        found = attack(pose(attack, "p0", of=imported))
        assert found.images.isfinite().all()
    else:
        assert attack.name in obstacle
        assert "ada" in obstacle
        assert obstacle.endswith(".")


def test_its_settings_are_plain_documented_and_strict(attack: Attack) -> None:
    kind = type(attack)
    assert config.build(kind, config.plain(attack), where=attack.name) == attack
    with pytest.raises(UsageError, match="there is no such field"):
        config.build(kind, {"haste": 1}, where=attack.name)
    documented = "".join(inspect.getdoc(base) or "" for base in kind.__mro__)
    for field in dataclasses.fields(kind):
        assert field.name in documented
    assert attack.summary[0].islower() or attack.summary[0] in "AU"
    assert not attack.summary.endswith(".")


def test_attacks_are_chosen_by_name() -> None:
    assert [one.name for one in chosen(["all"], [])] == [*ATTACKS, *MEMBERSHIP]
    (one,) = chosen(["mi-face", "mi-face"], ["mi-face.steps=7"])
    assert one == ATTACKS["mi-face"](steps=7)
    for names, settings, said in (
        (["mi-fase"], [], "There is no attack 'mi-fase'; there are eigenfaces"),
        (["mi-face"], ["mi-face.step=7"], "step: there is no such field"),
        (["mi-face"], ["centre.steps=7"], "this attack is not made"),
        (["mi-face"], ["steps=7"], "There is no attack 'steps'"),
        (["mi-face"], ["mi-face=7"], "write mi-face.FIELD=VALUE"),
    ):
        with pytest.raises(UsageError, match=said):
            chosen(names, settings)


@pytest.mark.parametrize(("name", "field", "end"), ends(ATTACKS))
def test_the_ends_of_every_range_can_be_set(  # noqa: PLR0917
    name: str, field: str, end: float, pose: Pose, scene: Stage, mixed_scene: Stage
) -> None:
    attack = quick(ATTACKS[name], **{field: end})
    apt = next(one for one in (scene, mixed_scene) if attack.obstacle(one.victim) is None)
    images, confidence = attack(pose(attack, "p1", of=apt))
    assert images.isfinite().all()
    assert len(confidence) > 0
