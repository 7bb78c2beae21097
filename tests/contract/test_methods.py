"""What every registered method must do, whatever it is."""

from __future__ import annotations

import dataclasses
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.contract.ends import ends

from faceveil.core import config
from faceveil.core.budget import Budget
from faceveil.core.described import described
from faceveil.core.errors import UsageError
from faceveil.core.goal import Dodge, Impersonate
from faceveil.faces.face import Face
from faceveil.faces.patch import Patch, extract, paste
from faceveil.faces.regions import region
from faceveil.masks.method import Method
from faceveil.masks.registry import METHODS, method_class
from faceveil.masks.views import Views
from faceveil.ops import warp
from faceveil.recognisers.ensemble import Ensemble

Pixels = NDArray[np.uint8]


def quick(kind: type[Method]) -> Method:
    """The method with few steps, if it has steps."""
    names = {field.name for field in dataclasses.fields(kind)}
    return kind(**({"steps": 3} if "steps" in names else {}))


def people(ensemble: Ensemble, n_people: int = 3) -> dict[str, torch.Tensor]:
    draws = torch.Generator().manual_seed(7)
    return {
        member.name: torch.nn.functional.normalize(
            torch.randn(n_people, member.card.embedding_size, generator=draws), dim=1
        )
        for member in ensemble.members
    }


def veil(
    method: Method,
    patches: list[Patch],
    ensemble: Ensemble,
    *,
    budget: Budget | None = None,
    face_seeds: list[int] | None = None,
    views: Views | None = None,
) -> list[Pixels]:
    budget = budget or method.default_budget
    proposal = method(
        patches,
        ensemble,
        Dodge() & Impersonate(people(ensemble)),
        budget=budget,
        views=views or method.default_views,
        face_seeds=face_seeds or [11 + i for i in range(len(patches))],
    )
    return proposal.within(budget)


def moved(face: Face, dx: float, dy: float) -> Face:
    left, top, right, bottom = face.box
    shift = np.array([dx, dy], dtype=np.float32)
    return Face((left + dx, top + dy, right + dx, bottom + dy), face.landmarks + shift, face.score)


@pytest.fixture
def patches(portrait: Pixels, portrait_face: Face) -> list[Patch]:
    return [
        extract(portrait, portrait_face),
        extract(portrait, moved(portrait_face, 9, -4)),
    ]


@pytest.fixture(params=list(METHODS))
def method(request: pytest.FixtureRequest) -> Method:
    return quick(METHODS[request.param])


def test_it_changes_the_face_and_nothing_outside_its_region(
    method: Method, patches: list[Patch], tiny_ensemble: Ensemble, portrait: Pixels
) -> None:
    patch = patches[0]
    veiled = veil(method, [patch], tiny_ensemble)
    changed = (paste(portrait, [(patch, veiled[0])]) != portrait).any(axis=2)
    inside = np.zeros_like(changed)
    weights = region("oval", patch.native_landmarks[None], patch.side)[0, 0].numpy()
    here = np.s_[patch.top : patch.top + patch.side, patch.left : patch.left + patch.side]
    inside[here] = weights > 0
    assert changed[inside].mean() > 0.1
    assert not changed[~inside].any()


@pytest.mark.parametrize("eps", [1.0, 4.0, 7.9])
def test_the_budget_holds_on_the_pixels_handed_out(
    method: Method, patches: list[Patch], tiny_ensemble: Ensemble, eps: float
) -> None:
    veiled = veil(method, patches, tiny_ensemble, budget=Budget(eps=eps))
    for patch, pixels in zip(patches, veiled, strict=True):
        change = np.abs(pixels.astype(int) - patch.native.astype(int)).max()
        assert 0 < change <= eps


def test_l2_and_ssim_limits_hold(
    method: Method, patches: list[Patch], tiny_ensemble: Ensemble
) -> None:
    from skimage.metrics import structural_similarity

    budget = Budget(eps=255, l2=2.0, ssim=0.97, region="all")
    veiled = veil(method, patches[:1], tiny_ensemble, budget=budget)[0]
    change = veiled.astype(float) - patches[0].native
    assert 0 < np.sqrt((change**2).mean()) <= 2.0
    similarity = structural_similarity(
        patches[0].native,
        veiled,
        channel_axis=2,
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
    )
    assert similarity >= 0.9695


def test_its_masks_heed_limits_on_visible_damage_if_it_says_so(
    method: Method, patches: list[Patch], tiny_ensemble: Ensemble
) -> None:
    budgets = [Budget(eps=64), Budget(eps=64, ssimulacra2=95, flip=0.005, spot=0.02)]
    free, bound = (
        method(
            patches[:1],
            tiny_ensemble,
            Dodge() & Impersonate(people(tiny_ensemble)),
            budget=budget,
            views=method.default_views,
            face_seeds=[11],
        ).masks[0]
        for budget in budgets
    )
    assert torch.equal(free, bound) != method.heeds_damage


def test_the_same_seed_gives_the_same_pixels_and_the_input_is_untouched(
    method: Method, patches: list[Patch], tiny_ensemble: Ensemble
) -> None:
    before = [patch.native.copy() for patch in patches]
    first, second = veil(method, patches, tiny_ensemble), veil(method, patches, tiny_ensemble)
    for one, other, patch, native in zip(first, second, patches, before, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_array_equal(patch.native, native)


def test_order_does_not_matter(
    method: Method, patches: list[Patch], tiny_ensemble: Ensemble
) -> None:
    forward = veil(method, patches, tiny_ensemble, face_seeds=[1, 2])
    backward = veil(method, patches[::-1], tiny_ensemble, face_seeds=[2, 1])
    for one, other in zip(forward, backward[::-1], strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1
        assert (one != other).mean() < 0.001


def test_a_face_is_veiled_alike_alone_and_in_company(
    method: Method, patches: list[Patch], tiny_ensemble: Ensemble
) -> None:
    together = veil(method, patches, tiny_ensemble, face_seeds=[1, 2])
    alone = veil(method, patches[:1], tiny_ensemble, face_seeds=[1])
    # A batch of two rounds otherwise than one, and descents pass that on: some steps of 1/255.
    apart = np.abs(together[0].astype(int) - alone[0])
    assert (apart > 1).mean() < 0.001
    assert (apart > 0).mean() < 0.03


def test_grey_stays_grey(
    method: Method, portrait: Pixels, portrait_face: Face, tiny_ensemble: Ensemble
) -> None:
    grey = np.ascontiguousarray(portrait[..., 1:2].repeat(3, axis=2))
    veiled = veil(method, [extract(grey, portrait_face)], tiny_ensemble)[0]
    np.testing.assert_array_equal(veiled[..., 0], veiled[..., 1])
    np.testing.assert_array_equal(veiled[..., 0], veiled[..., 2])


@pytest.mark.parametrize("goal_name", ["dodge", "impersonate", "both"])
def test_an_optimising_method_lowers_the_goals_loss(
    method: Method, patches: list[Patch], tiny_ensemble: Ensemble, goal_name: str
) -> None:
    if not method.optimises:
        pytest.skip("an obfuscation pursues no loss")
    someone = Impersonate(people(tiny_ensemble, 1))
    goal = {"dodge": Dodge(), "impersonate": someone, "both": Dodge() & someone}[goal_name]
    patch = patches[0]
    proposal = dataclasses.replace(method, steps=8)(  # type: ignore[call-arg]
        [patch], tiny_ensemble, goal, budget=Budget(), views=Views(), face_seeds=[1]
    )
    (veiled,) = proposal.within(Budget())

    def loss(pixels: Pixels) -> float:
        tensor = torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None] / 255
        tensor = warp.resize(tensor, patch.working_px)
        source = tiny_ensemble(patch.pixels[None], patch.landmarks[None])
        seen = tiny_ensemble(tensor, patch.landmarks[None])
        return sum(float(goal.losses(n, seen[n], source[n])) for n in tiny_ensemble.names)

    assert loss(veiled) < loss(patch.native) - 0.01


def test_progress_adds_up(method: Method, patches: list[Patch], tiny_ensemble: Ensemble) -> None:
    shares: list[float] = []
    method(
        patches,
        tiny_ensemble,
        Dodge(),
        budget=method.default_budget,
        views=method.default_views,
        face_seeds=[1, 2],
        progress=shares.append,
    )
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize("name", list(METHODS))
def test_its_fields_are_its_configuration(name: str) -> None:
    kind = METHODS[name]
    assert kind.name == name
    assert kind.summary
    assert config.build(kind, config.plain(kind()), where=name) == kind()
    for field in described(kind):
        assert field.text, f"{field.name} is not described"
    with pytest.raises(UsageError, match="colour_of_the_moon"):
        config.build(kind, {"colour_of_the_moon": 1}, where=name)


def test_an_unknown_method_is_refused_by_name() -> None:
    with pytest.raises(UsageError, match=r"no method 'blurr'.*blur"):
        method_class("blurr")


@pytest.mark.parametrize(("name", "field", "end"), ends(METHODS))
def test_the_ends_of_every_range_can_be_set(
    name: str, field: str, end: float, patches: list[Patch], tiny_ensemble: Ensemble
) -> None:
    method = replace(quick(METHODS[name]), **{field: end})
    (veiled,) = veil(method, patches[:1], tiny_ensemble)
    assert veiled.shape == patches[0].native.shape
