"""The veil keeps its limits without being scaled down, and spends them where little is seen."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from faceveil.core import seeds
from faceveil.core.budget import DAMAGE, Budget, damage_limits
from faceveil.core.goal import Dodge
from faceveil.faces.patch import Patch
from faceveil.faces.regions import template_px
from faceveil.masks.brush import FlowAndPaint
from faceveil.masks.iterative import Mim
from faceveil.masks.method import Method
from faceveil.masks.problem import Problem
from faceveil.masks.veil import FINEST_PX, Veil
from faceveil.masks.views import Views
from faceveil.measures.flip import Flip
from faceveil.measures.texture import texture
from faceveil.ops.treat import blur
from faceveil.recognisers.ensemble import Ensemble


@pytest.fixture
def dodging(problem: Problem) -> Problem:
    return dataclasses.replace(problem, goal=Dodge(), budget=Veil.default_budget)


def fresh(problem: Problem) -> Problem:
    return dataclasses.replace(problem, generators=[seeds.generator(5)])


def to_source(problem: Problem, mask: torch.Tensor) -> float:
    """The surrogates' mean cosine to the face before."""
    with torch.no_grad():
        seen = problem.embed(mask)
    return float(np.mean([float((seen[name] * problem.source[name]).sum()) for name in seen]))


def test_its_default_is_the_medium_strength() -> None:
    assert Veil.default_budget == Budget(eps=64.0, **damage_limits(DAMAGE["medium"]))


def test_it_ends_near_its_limits(dodging: Problem) -> None:
    mask = Veil(steps=8).masks(fresh(dodging))
    flip, ssimulacra2 = (float(slack(mask)) for slack in dodging.limits)
    assert min(flip / 0.03, ssimulacra2 / 30) < 0.15, "one limit is spent"
    assert flip > -0.002
    assert ssimulacra2 > -2


def veiled_cosine(
    method: Method, patch: Patch, ensemble: Ensemble, budget: Budget
) -> tuple[float, float]:
    """The mean cosine to the face before, and how far pixels moved."""
    proposal = method([patch], ensemble, Dodge(), budget=budget, views=Views(), face_seeds=[3])
    (pixels,) = proposal.within(budget)
    before, after = (
        ensemble(
            torch.from_numpy(one.copy()).permute(2, 0, 1)[None] / 255, patch.native_landmarks[None]
        )
        for one in (patch.native, pixels)
    )
    cosines = [float((before[name] * after[name]).sum()) for name in before]
    return float(np.mean(cosines)), float(np.abs(pixels.astype(int) - patch.native).mean())


def test_it_moves_recognisers_further_than_a_mask_scaled_down(
    patch: Patch, tiny_ensemble: Ensemble
) -> None:
    budget = Veil.default_budget
    free = Veil(steps=10, flow_sigma=0.5, paint_sigma=0, busy=0)  # as the other is
    ours, _ = veiled_cosine(free, patch, tiny_ensemble, budget)
    scaled, moved = veiled_cosine(Mim(steps=10), patch, tiny_ensemble, budget)
    assert moved > 0.1
    assert ours < scaled


def test_smooth_skin_changes_less(dodging: Problem) -> None:
    mask = Veil(steps=4, flow=0, busy=5).masks(fresh(dodging))
    busy = texture(dodging.pixels, [FINEST_PX])[0, 0]
    inside = dodging.region[0, 0] > 0.99
    smooth = inside & (busy < busy[inside].quantile(0.25))
    rough = inside & (busy > busy[inside].quantile(0.75))
    strength = mask[0].abs().mean(0)
    assert strength[rough].mean() > 2 * strength[smooth].mean()


def test_no_spot_shows_much_more_than_the_rest(dodging: Problem) -> None:
    def worst(problem: Problem) -> float:
        mask = Veil(steps=6).masks(fresh(problem))
        (face,), (rows, columns) = problem.faces, problem.face_crops[0]
        veiled = face[None] + problem.visible(mask)[:, :, rows, columns]
        return float(Flip(face[None]).spots(veiled.clamp(0, 1)).max())

    limited = dataclasses.replace(dodging, budget=dataclasses.replace(dodging.budget, spot=0.06))
    free = dataclasses.replace(dodging, budget=dataclasses.replace(dodging.budget, spot=None))
    assert worst(limited) < 0.07 < worst(free)


def test_paint_is_no_finer_than_recognisers_see(dodging: Problem) -> None:
    def roughness(sigma: float) -> float:
        mask = Veil(steps=3, flow=0, paint_sigma=sigma).masks(fresh(dodging))
        return float(mask.diff(dim=-1).square().mean() / mask.square().mean())

    assert roughness(1.0) < 0.5 * roughness(0.0)


def test_masks_are_smoother_on_turned_faces_and_on_soft_ones(dodging: Problem) -> None:
    sideways = torch.tensor([0.0, 0.0, 1.0, 0.0, 0.0])[:, None] * torch.tensor([1.0, 0.0])
    width = dodging.landmarks[0, 1, 0] - dodging.landmarks[0, 0, 0]
    turned = dataclasses.replace(dodging, landmarks=dodging.landmarks + 0.1 * width * sideways)
    soft = dataclasses.replace(dodging, pixels=blur(dodging.pixels, [6.0]))

    def sigma(problem: Problem, **fields: float) -> float:
        brush = Veil(**fields).brush(problem)  # type: ignore[arg-type]
        assert isinstance(brush, FlowAndPaint)
        return brush.paint_sigmas[0] / float(template_px(problem.landmarks))

    assert 1 <= sigma(dodging) < min(sigma(turned), sigma(soft))
    assert sigma(soft, smoothest=1.2) == pytest.approx(1.2)


def test_on_a_face_without_detail_masks_stay_numbers(dodging: Problem) -> None:
    flat = dodging.pixels.new_tensor((0.47, 0.35, 0.27)).view(3, 1, 1).expand_as(dodging.pixels)
    faces = [flat[0, :, *crop] for crop in dodging.face_crops]
    bare = dataclasses.replace(fresh(dodging), pixels=flat.contiguous(), faces=faces)
    mask = Veil(steps=6).masks(bare)
    assert mask.abs().max() < 1


def test_colour_can_be_left_out(dodging: Problem) -> None:
    grey = Veil(steps=3, flow=0, colour=0.0).masks(fresh(dodging))[0]
    assert torch.allclose(grey[0], grey[1], atol=1e-7)
    coloured = Veil(steps=3, flow=0, colour=1.0).masks(fresh(dodging))[0]
    assert (coloured[0] - coloured[1]).abs().max() > 1e-3


def test_more_steps_protect_more(dodging: Problem) -> None:
    short, long = (Veil(steps=n).masks(fresh(dodging)) for n in (2, 12))
    assert to_source(dodging, long) < to_source(dodging, short) < 1
