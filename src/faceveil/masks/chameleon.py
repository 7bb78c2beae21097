"""Chameleon: one mask for all photos of a person, the P3-Mask.

Chow, Hu, Huang, Ilhan, Wei, Liu: "Personalized Privacy Protection Mask Against Unauthorized Facial
Recognition", ECCV 2024. What is in neither the paper nor its public code is marked "ours".

    minimise over u:  - sum_k arccos<f_k(x), f_k(x')> + lambda * max(0, DSSIM(x, x') - l)
    where             x' = clip(x + u),   |u| <= eps,   DSSIM = (1 - SSIM) / 2

as a mean over the photos of a batch, by signed steps. All photos share u ("cross-image
optimisation"). l comes from the floor the budget sets to SSIM: .94 gives the paper's .03.

The paper adds u to the square box of a face. Here it lies in the frame of the aligned face and
follows the landmarks (ours), so that what was made for an eye comes to lie on the eye.

As a method for one photo this makes a mask from that photo alone; ``faceveil enrol`` makes one from
several, for photos yet to come.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Generator, Tensor

from faceveil.core.budget import Budget
from faceveil.core.goal import Goal, GoalName
from faceveil.core.ranges import Count, Positive, Share
from faceveil.faces.patch import Patch
from faceveil.faces.regions import region
from faceveil.masks.method import Method
from faceveil.masks.personal import placed
from faceveil.masks.problem import Problem, Progress
from faceveil.masks.views import Views
from faceveil.measures.quality import ssim
from faceveil.measures.strength import strength_at
from faceveil.recognisers.ensemble import Embeddings, Ensemble

LARGEST_WEIGHT = 129.0
"""lambda is doubled up to this, and halved down to its inverse (public code)."""
NEAR = 0.1
"""lambda is 1 while DSSIM lies within this share of l (public code)."""
CHECK_EVERY = 25
"""Steps between checkpoints (ours)."""
_MIRRORED = [1, 0, 2, 4, 3]


@dataclass(frozen=True)
class Portraits:
    """Photos of one person, at one working resolution."""

    pixels: Float[Tensor, "b 3 w w"]
    landmarks: Float[Tensor, "b 5 2"]
    region: Float[Tensor, "b 1 w w"]
    grey: Bool[Tensor, " b"]

    @classmethod
    def of(
        cls, patches: Sequence[Patch], budget: Budget, *, working_px: int, device: torch.device
    ) -> Portraits:
        """The patches, each brought to ``working_px``."""
        patches = [replace(patch, working_px=working_px) for patch in patches]
        landmarks = torch.stack([patch.landmarks for patch in patches]).to(device)
        return cls(
            torch.stack([patch.pixels for patch in patches]).to(device),
            landmarks,
            region(budget.region, landmarks, working_px),
            torch.tensor([patch.grey for patch in patches], device=device),
        )

    def __len__(self) -> int:
        return len(self.pixels)

    def __getitem__(self, rows: Int[Tensor, " n"]) -> Portraits:
        return Portraits(
            self.pixels[rows], self.landmarks[rows], self.region[rows], self.grey[rows]
        )

    def veiled(self, mask: Float[Tensor, "3 s s"]) -> Float[Tensor, "b 3 w w"]:
        """All of them under one personal mask."""
        masks = mask[None].expand(len(self), -1, -1, -1)
        change = placed(masks, self.landmarks, self.pixels.shape[-1])
        grey = change.mean(dim=1, keepdim=True).expand_as(change)
        change = torch.where(self.grey.view(-1, 1, 1, 1), grey, change)
        return (self.pixels + self.region * change).clamp(0, 1)

    def varied(self, generator: Generator, *, mirror: float, light: float) -> Portraits:
        """The photos in other light, some as in a mirror."""
        draws = torch.rand(len(self), 3, generator=generator).to(self.pixels)
        turned = draws[:, 0] < mirror
        gain, offset = (light * (2 * draws[:, 1:, None, None, None] - 1)).unbind(1)
        pixels = _where(turned, self.pixels.flip(-1), self.pixels)
        landmarks = self.landmarks[:, _MIRRORED]
        across = self.pixels.shape[-1] - 1 - landmarks[..., :1]
        landmarks = torch.cat([across, landmarks[..., 1:]], dim=-1)
        return Portraits(
            ((1 + gain) * pixels + offset / 2).clamp(0, 1),
            _where(turned, landmarks, self.landmarks),
            _where(turned, self.region.flip(-1), self.region),
            self.grey,
        )


@dataclass(frozen=True)
class Chameleon(Method):
    """P3-Mask, made to ``dodge``; with another goal its loss takes the angle's place (ours).

    Attributes:
        steps: iterations (paper: 50 times through all photos).
        alpha: step length, and bound of the random start, in 1/255 (paper 0.255).
        batch: photos in a step; fewer are shown several times (paper 4).
        size_px: the side of the mask, which covers the face's oval (ours; paper 112).
        mirror: probability that a photo is shown mirrored, the mask as it is (ours).
        light: the most that a photo's contrast is varied, and twice its brightness (ours).
    """

    name: ClassVar[str] = "chameleon"
    summary: ClassVar[str] = "one mask for all photos of a person (Chow et al. 2024)"
    default_goal: ClassVar[GoalName] = "dodge"
    default_budget: ClassVar[Budget] = Budget(eps=16.0, ssim=0.94)
    default_views: ClassVar[Views] = Views(affine=(0.03, 0.03))

    steps: Count = 100
    alpha: Positive = 0.255
    batch: Count = 4
    size_px: Count = 112
    mirror: Share = 0.5
    light: Share = 0.1

    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """For each face a mask from its one photo, laid where the face is."""
        portraits = Portraits(problem.pixels, problem.landmarks, problem.region, problem.grey)
        rows = torch.split(torch.arange(len(portraits), device=problem.pixels.device), 1)
        masks = [
            self.learn(
                portraits[row],
                problem.surrogates,
                problem.goal,
                budget=problem.budget,
                views=problem.views,
                generator=generator,
                progress=lambda share: problem.progress(share / len(portraits)),
            )
            for row, generator in zip(rows, problem.generators, strict=True)
        ]
        return placed(torch.stack(masks), problem.landmarks, problem.pixels.shape[-1])

    def learn(
        self,
        portraits: Portraits,
        surrogates: Ensemble,
        goal: Goal,
        *,
        budget: Budget,
        views: Views,
        generator: Generator,
        progress: Progress = lambda share: None,
    ) -> Float[Tensor, "3 s s"]:
        """One mask for all ``portraits``, within eps.

        Every so often the mask is scaled down until all photos keep the budget's SSIM, and judged
        on them as they are; the best of these is returned (ours).
        """
        with torch.no_grad():
            source = surrogates(portraits.pixels, portraits.landmarks)
        eps, alpha = budget.eps / 255, self.alpha / 255
        start = torch.rand(3, self.size_px, self.size_px, generator=generator)
        mask = alpha * (2 * start - 1).to(portraits.pixels)
        weight, best, least = 1.0, mask, math.inf
        for step, rows in enumerate(self._batches(len(portraits), generator), start=1):
            shown = portraits[rows].varied(generator, mirror=self.mirror, light=self.light)
            mask.requires_grad_()
            veiled = shown.veiled(mask)
            was = {name: embeddings[rows] for name, embeddings in source.items()}
            losses = [
                _losses(goal, surrogates(view(veiled), shown.landmarks, view.jitter), was)
                for view in views.draw([generator] * len(shown), mask.device)
            ]
            loss = torch.stack(losses).mean()
            if budget.ssim is not None:
                dssim, limit = (1 - ssim(shown.pixels, veiled).mean()) / 2, (1 - budget.ssim) / 2
                loss = loss + weight * (dssim - limit).clamp_min(0)
                weight = next_weight(weight, float(dssim.detach()), limit)
            (gradient,) = torch.autograd.grad(loss, mask)
            mask = (mask.detach() - alpha * gradient.sign()).clamp(-eps, eps)
            if step % CHECK_EVERY == 0 or step == self.steps:
                feasible = _feasible(mask, portraits, budget)
                with torch.no_grad():
                    seen = surrogates(portraits.veiled(feasible), portraits.landmarks)
                    now = float(_losses(goal, seen, source).mean())
                best, least = (feasible, now) if now < least else (best, least)
            progress(1 / self.steps)
        return best

    def _batches(self, n_photos: int, generator: Generator) -> Iterator[Int[Tensor, " n"]]:
        """The photos of each step: all are shown equally often, in random order."""
        waiting = torch.empty(0, dtype=torch.int64)
        for _ in range(self.steps):
            while len(waiting) < self.batch:
                waiting = torch.cat([waiting, torch.randperm(n_photos, generator=generator)])
            yield waiting[: self.batch]
            waiting = waiting[self.batch :]


def next_weight(weight: float, dssim: float, limit: float) -> float:
    """lambda after a step: halved where DSSIM is low, doubled where it is high, between them 1."""
    if dssim <= (1 - NEAR) * limit:
        return max(weight / 2, 1 / LARGEST_WEIGHT)
    if dssim >= (1 + NEAR) * limit:
        return min(weight * 2, LARGEST_WEIGHT)
    return 1.0


def _losses(goal: Goal, seen: Embeddings, source: Embeddings) -> Float[Tensor, " b"]:
    """What is minimised for each photo, summed over the recognisers, which all weigh the same.

    Of targets each recogniser's nearest counts.
    """
    if goal.targets is None:
        terms = [-_angle(seen[name], source[name]) for name in seen]
    else:
        terms = [goal.losses(name, seen[name], source[name]).amin(dim=-1) for name in seen]
    return torch.stack(terms).sum(dim=0)


def _angle(a: Tensor, b: Tensor) -> Float[Tensor, " b"]:
    """arccos<a, b> of unit vectors, with a gradient also where the two are close."""
    apart, together = (torch.linalg.vector_norm(sum_, dim=-1) for sum_ in (a - b, a + b))
    return 2 * torch.atan2(apart, together)


@torch.no_grad()
def _feasible(mask: Tensor, portraits: Portraits, budget: Budget) -> Tensor:
    """``mask``, scaled down until every photo keeps the budget's SSIM."""
    if budget.ssim is None:
        return mask
    change = portraits.veiled(mask) - portraits.pixels
    return mask * strength_at(portraits.pixels, change, budget.ssim).min()


def _where(which: Bool[Tensor, " b"], values: Tensor, others: Tensor) -> Tensor:
    """Row by row of the batch, ``values`` or ``others``."""
    return torch.where(which.view(-1, *[1] * (values.ndim - 1)), values, others)
