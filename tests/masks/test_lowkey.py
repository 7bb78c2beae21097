"""LowKey: what is left after a blur counts, and so does how it looks."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter
from skimage.transform import SimilarityTransform

from faceveil.core import seeds
from faceveil.core.goal import Dodge, squared_distance
from faceveil.faces.face import TEMPLATE
from faceveil.masks.lowkey import LowKey
from faceveil.masks.problem import Problem
from faceveil.masks.views import View
from faceveil.measures.quality import ssim


def dodged(problem: Problem, method: LowKey) -> torch.Tensor:
    """The veiled patches, made to dodge only."""
    posed = dataclasses.replace(problem, goal=Dodge(), generators=[seeds.generator(5)])
    return posed.veiled(method.masks(posed))


def distance(problem: Problem, pixels: torch.Tensor) -> float:
    """D to the source, averaged over the recognisers."""
    seen = problem.surrogates(pixels, problem.landmarks)
    return float(np.mean([float(squared_distance(seen[n], problem.source[n])) for n in seen]))


def test_the_blurred_branch_keeps_a_blurred_photo_away_from_the_source(problem: Problem) -> None:
    def after_blur(sigma: float) -> float:
        veiled = dodged(problem, LowKey(steps=20, sigma=sigma))
        blurred = gaussian_filter(veiled.numpy(), (0, 0, 8, 8), mode="mirror")
        return distance(problem, torch.from_numpy(blurred))

    assert after_blur(sigma=6.4) > 1.2 * after_blur(sigma=0)


def test_the_blur_is_as_wide_on_every_face_as_in_the_aligned_crop(
    problem: Problem, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[View] = []
    losses = Problem.losses

    def spy(posed: Problem, mask: torch.Tensor, views: Sequence[View]) -> torch.Tensor:
        seen.extend(views)
        return losses(posed, mask, views)

    monkeypatch.setattr(Problem, "losses", spy)
    dodged(problem, LowKey(steps=1))
    aligned = SimilarityTransform.from_estimate(problem.landmarks[0].numpy(), np.array(TEMPLATE))
    sharp, blurred = seen
    assert sharp.sigmas_px is None
    assert blurred.sigmas_px == pytest.approx([1.83 / aligned.scale], rel=1e-4)


def test_the_default_sigma_is_what_the_papers_window_leaves() -> None:
    offsets = np.arange(-3, 4)
    weights = np.exp(-(offsets**2) / (2 * 3**2))
    assert LowKey().sigma == pytest.approx(
        np.sqrt((weights * offsets**2).sum() / weights.sum()), abs=0.01
    )


def test_the_perceptual_term_keeps_the_face_more_like_itself(problem: Problem) -> None:
    plain, gentle = (dodged(problem, LowKey(perceptual=beta)) for beta in (0.0, 5.0))
    damage = [1 - float(ssim(problem.pixels, veiled)) for veiled in (plain, gentle)]
    assert damage[1] < 0.7 * damage[0]
    assert distance(problem, gentle) > 0.7 * distance(problem, plain)


def test_no_pixel_moves_farther_than_its_steps(problem: Problem) -> None:
    veiled = dodged(problem, LowKey(steps=4))
    change = 255 * (veiled - problem.pixels).abs().max()
    assert float(change) <= 1.275 + 4 * 0.6375 + 1e-3
