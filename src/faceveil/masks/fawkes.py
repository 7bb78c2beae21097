"""Fawkes, a cloak that moves a face's features as far as a bound on its visible change allows.

Shan, Wenger, Zhang, Li, Zheng, Zhao: "Fawkes: Protecting Privacy against Unauthorized Deep Learning
Models", USENIX Security 2020 (arXiv 2002.08327). What is in neither the paper nor its public code
is marked "ours".

    minimise over d:  D(x + d, x_T) + lambda * max(DSSIM(x, x + d) - rho, 0)
    where             D(a, b) = ||f(a) - f(b)||^2,   DSSIM = (1 - SSIM) / 2

T is, of all candidate identities, the one whose features are farthest from the person's. So the
paper's goal is ``impersonate``; ``dodge`` is what the public code does since its version 1, and
``both`` is ours. The cloak is sought in tanh space.

rho comes from the floor the budget sets to SSIM, so the method spends what the base class then
holds it to on 8-bit pixels. The modes of the public code are budgets, hence subclasses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.budget import Budget
from faceveil.core.goal import GoalName
from faceveil.core.ranges import Count, NonNegative, Positive
from faceveil.masks import tanh_space
from faceveil.masks.method import Method
from faceveil.masks.problem import Problem
from faceveil.measures.quality import ssim


@dataclass(frozen=True)
class Fawkes(Method):
    """A cloak within the budget's SSIM.

    Attributes:
        steps: iterations of Adam (ours; paper 1000).
        learning_rate: of Adam, on w (ours; paper 0.5).
        penalty: lambda (ours; the public code changes it from step to step).
    """

    default_goal: ClassVar[GoalName] = "impersonate"

    steps: Count = 50
    learning_rate: Positive = 0.01
    penalty: NonNegative = 50.0

    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """Descend towards the target farthest from the source."""
        problem = problem.towards_farthest()
        w = tanh_space.inverse(problem.veiled(problem.nudge())).requires_grad_()
        adam = torch.optim.Adam([w], lr=self.learning_rate)
        for _ in problem.steps(self.steps):
            mask = tanh_space.picture(w) - problem.pixels
            loss = problem.losses(mask, problem.draw_views())[:, 0]
            loss = loss + self.penalty * _excess(problem, mask)
            (w.grad,) = torch.autograd.grad(loss.sum(), w)
            adam.step()
        return tanh_space.picture(w) - problem.pixels


@dataclass(frozen=True)
class FawkesLow(Fawkes):
    """Fawkes' mode low: rho = 0.004, pixels within 15/255 (public code); made to ``impersonate``.

    Attributes:
        steps, learning_rate: iterations of Adam and its step.
        penalty: weight of the DSSIM beyond rho.
    """

    name: ClassVar[str] = "fawkes-low"
    summary: ClassVar[str] = "a cloak within DSSIM .004 (Shan et al. 2020)"
    default_budget: ClassVar[Budget] = Budget(eps=15.0, ssim=0.992)


@dataclass(frozen=True)
class FawkesMid(Fawkes):
    """Fawkes' mode mid: rho = 0.012, pixels within 15/255 (public code); made to ``impersonate``.

    Attributes:
        steps, learning_rate: iterations of Adam and its step.
        penalty: weight of the DSSIM beyond rho.
    """

    name: ClassVar[str] = "fawkes-mid"
    summary: ClassVar[str] = "a cloak within DSSIM .012 (Shan et al. 2020)"
    default_budget: ClassVar[Budget] = Budget(eps=15.0, ssim=0.976)


@dataclass(frozen=True)
class FawkesHigh(Fawkes):
    """Fawkes' mode high: rho = 0.017, pixels within 15/255 (public code); made to ``impersonate``.

    Attributes:
        steps, learning_rate: iterations of Adam and its step.
        penalty: weight of the DSSIM beyond rho.
    """

    name: ClassVar[str] = "fawkes-high"
    summary: ClassVar[str] = "a cloak within DSSIM .017 (Shan et al. 2020)"
    default_budget: ClassVar[Budget] = Budget(eps=15.0, ssim=0.966)


def _excess(problem: Problem, mask: Tensor) -> Float[Tensor, " b"]:
    """max(DSSIM - rho, 0), and 0 where the budget sets no floor."""
    if problem.budget.ssim is None:
        return mask.new_zeros(len(mask))
    return (problem.budget.ssim - ssim(problem.pixels, problem.veiled(mask))).clamp_min(0) / 2
