"""Obfuscations: what they let through."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from faceveil.masks.obfuscate import Inpaint
from faceveil.masks.problem import Problem


def painted(problem: Problem, pixels: torch.Tensor) -> torch.Tensor:
    posed = dataclasses.replace(problem, pixels=pixels)
    return pixels + Inpaint().masks(posed)


def test_nothing_of_the_region_enters_what_is_painted_over_it(problem: Problem) -> None:
    noise = torch.rand(problem.pixels.shape, generator=torch.Generator().manual_seed(1))
    other = torch.where(problem.region > 0, noise, problem.pixels)
    torch.testing.assert_close(painted(problem, problem.pixels), painted(problem, other))


def test_what_surrounds_the_region_stays(problem: Problem) -> None:
    outside = (problem.region == 0).expand_as(problem.pixels)
    torch.testing.assert_close(
        painted(problem, problem.pixels)[outside], problem.pixels[outside], rtol=0, atol=1e-6
    )


def test_an_even_slope_is_continued(problem: Problem) -> None:
    side = problem.pixels.shape[-1]
    x, y = np.meshgrid(np.linspace(0, 1, side), np.linspace(0, 1, side))
    slope = torch.from_numpy(np.stack([x, y, (x + y) / 2])[None]).float()
    assert float((painted(problem, slope) - slope).abs().max()) < 0.02
