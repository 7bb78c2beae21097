"""Face-Off, the smallest change that misleads the surrogates, then amplified so that it transfers.

Chandrasekaran, Gao, Tang, Fawaz, Jha, Banerjee: "Face-Off: Adversarial Face Obfuscation", PoPETs
2021 (arXiv 2003.08861). What is in neither the paper nor its public code is marked "ours".

    G(d) = max(D(x + d, x_T) - D(x + d, x) + kappa, 0),   D(a, b) = ||f(a) - f(b)||^2
    cw:   minimise over d  ||d||^2 + c * G(d),  in tanh space, with the least c that reaches G = 0
    pgd:  minimise over d  G(d)  subject to  max|d| <= eps / amplification
    x' = x + clip(amplification * d, -eps, eps)

That is the goal ``both``; ``impersonate`` and ``dodge`` leave out one distance, as the public code
can. With ``impersonate`` G is never 0 at a margin above 0: no least c is found, and the mask of the
last one is taken. T is the target nearest to the face (ours; in the paper the user chooses).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.budget import Budget
from faceveil.core.ranges import Count, NonNegative, Positive
from faceveil.masks import tanh_space
from faceveil.masks.method import Method
from faceveil.masks.problem import Problem

LARGEST_CONSTANT = 1000.0
"""Where the search for c begins to halve (public code)."""


@dataclass(frozen=True)
class FaceOff(Method):
    """Face-Off, within the 0.1 of the range that the public code gives ``pgd``.

    Attributes:
        attack: ``cw`` of Carlini and Wagner (S&P 2017), or ``pgd`` of Madry et al. (ICLR 2018).
        steps: iterations, with ``cw`` of each search (public code 20).
        searches: how many constants c ``cw`` tries, halving the interval (public code 5).
        constant: the first c (public code 0.3).
        learning_rate: of Adam, on w, for ``cw`` (public code 0.01).
        alpha: step length for ``pgd``, in 1/255 (public code 0.01 of the range).
        margin: kappa (ours; the public code tries a range, for embeddings of another length).
        amplification: what the change is multiplied by (ours; public code 1 to 6).
    """

    name: ClassVar[str] = "face-off"
    summary: ClassVar[str] = "the smallest change, amplified (Chandrasekaran et al. 2021)"
    default_budget: ClassVar[Budget] = Budget(eps=25.5)

    attack: Literal["cw", "pgd"] = "cw"
    steps: Count = 20
    searches: Count = 5
    constant: NonNegative = 0.3
    learning_rate: Positive = 0.01
    alpha: Positive = 2.55
    margin: NonNegative = 1.0
    amplification: Positive = 2.0

    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """Attack, then amplify."""
        problem = problem.towards_nearest()
        mask = self._cw(problem) if self.attack == "cw" else self._pgd(problem)
        return (self.amplification * mask).clamp(-problem.eps, problem.eps)

    def _pgd(self, problem: Problem) -> Tensor:
        bound = problem.eps / self.amplification
        mask = problem.nudge()
        for _ in problem.steps(self.steps):
            mask.requires_grad_()
            (gradient,) = torch.autograd.grad(self._hinge(problem, mask).sum(), mask)
            mask = mask.detach() - self.alpha / 255 * gradient.sign()
            mask = mask.clamp(-bound, bound)
        return mask

    def _cw(self, problem: Problem) -> Tensor:
        """Of all searches the shortest mask with G = 0; where none has it, that of the last c."""
        constant = torch.full_like(problem.pixels[:, 0, 0, 0], self.constant)
        low, high = torch.zeros_like(constant), torch.full_like(constant, LARGEST_CONSTANT)
        best, shortest = torch.zeros_like(problem.pixels), torch.full_like(constant, math.inf)
        for _ in range(self.searches):
            mask, length = self._search(problem, constant)
            best = _choose((length < shortest) | shortest.isinf(), mask, best)
            shortest = shortest.minimum(length)
            failed = length.isinf()
            low, high = torch.where(failed, constant, low), torch.where(failed, high, constant)
            constant = (low + high) / 2
        return best

    def _search(self, problem: Problem, constant: Tensor) -> tuple[Tensor, Tensor]:
        """The shortest mask met on the way with G = 0 and its length; else the last, infinite."""
        w = tanh_space.inverse(problem.veiled(problem.nudge())).requires_grad_()
        adam = torch.optim.Adam([w], lr=self.learning_rate)
        best, shortest = torch.zeros_like(w), torch.full_like(constant, math.inf)
        for _ in range(self.steps):
            mask = tanh_space.picture(w) - problem.pixels
            length = problem.visible(mask).square().sum(dim=(1, 2, 3))
            hinge = self._hinge(problem, mask)
            (w.grad,) = torch.autograd.grad((length + constant * hinge).sum(), w)
            adam.step()
            reached = length.detach().where(hinge == 0, math.inf)
            best = _choose((reached < shortest) | shortest.isinf(), mask.detach(), best)
            shortest = shortest.minimum(reached)
            problem.progress(1 / (self.searches * self.steps))
        return best, shortest

    def _hinge(self, problem: Problem, mask: Tensor) -> Float[Tensor, " b"]:
        """G of each face."""
        losses = problem.losses(mask, problem.draw_views())[:, 0]
        return (losses + self.margin).clamp_min(0)


def _choose(which: Tensor, masks: Tensor, others: Tensor) -> Tensor:
    """Each face's mask, or the other one."""
    return torch.where(which.view(-1, 1, 1, 1), masks, others)
