"""LowKey, an ensemble attack that also counts what is left of it once the photo is blurred.

Cherepanova, Goldblum, Foley, Duan, Dickerson, Taylor, Goldstein: "LowKey: Leveraging Adversarial
Attacks to Protect Social Media Users from Facial Recognition", ICLR 2021 (arXiv 2101.07922). What
is in neither the paper nor its public code is marked "ours".

    maximise over x':  1/(2n) sum_i [ D_i(x, x') + D_i(x, G(x')) ] - beta * LPIPS(x, x')
    where              D_i(a, b) = ||f_i(a) - f_i(b)||^2 / ||f_i(a)||,   G a Gaussian blur

over n surrogates, by signed steps. 1 - SSIM stands in for LPIPS (ours), whose network is not among
what this package carries; embeddings are unit vectors here, so ||f_i(a)|| = 1. The paper's goal is
``dodge``; with another goal that goal's loss takes the place of -D_i (ours).
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.budget import Budget
from faceveil.core.goal import GoalName
from faceveil.core.ranges import Count, NonNegative, Positive
from faceveil.faces.regions import template_px
from faceveil.masks.method import Method
from faceveil.masks.problem import Problem
from faceveil.measures.quality import ssim


@dataclass(frozen=True)
class LowKey(Method):
    """LowKey, made to ``dodge``. Nothing bounds single pixels but its steps, which reach 32/255.

    Attributes:
        steps: iterations (paper 50).
        alpha: step length, in 1/255 (paper 0.0025 of the range).
        noise: bound of the random start, in 1/255 (public code 0.005 of the range).
        sigma: standard deviation of G, in px of the face aligned to 112 px (paper: sigma 3 cut off
            to a window of 7 px, which leaves 1.83).
        perceptual: beta, the weight of 1 - SSIM (ours; public code 0.05, for LPIPS and embeddings
            of another length).
    """

    name: ClassVar[str] = "lowkey"
    summary: ClassVar[str] = "signed steps that survive a blur (Cherepanova et al. 2021)"
    default_goal: ClassVar[GoalName] = "dodge"
    default_budget: ClassVar[Budget] = Budget(eps=32.0)

    steps: Count = 50
    alpha: Positive = 0.6375
    noise: NonNegative = 1.275
    sigma: NonNegative = 1.83
    perceptual: NonNegative = 5.0

    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """Descend from a uniform draw, every view seen sharp and blurred."""
        problem = problem.towards_nearest()
        sigmas_px = (self.sigma * template_px(problem.landmarks)).tolist()
        mask = problem.noise(self.noise / 255)
        for _ in problem.steps(self.steps):
            sharp = problem.draw_views()
            blurred = [replace(view, sigmas_px=sigmas_px) for view in sharp]
            mask.requires_grad_()
            loss = problem.losses(mask, sharp + blurred)[:, 0]
            loss = loss - self.perceptual * ssim(problem.pixels, problem.veiled(mask))
            (gradient,) = torch.autograd.grad(loss.sum(), mask)
            mask = mask.detach() - self.alpha / 255 * gradient.sign()
            mask = mask.clamp(-problem.eps, problem.eps)
        return mask
