"""Inversion of pixels held to what pictures, and what the network's layers, are used to.

    L(x) = CE(x, t) + a_tv TV(x) + a_l2 |x - m|^2 + a_bn sum_l w_l (|mu_l - m_l| + |v_l - s_l|)

mu_l and v_l are mean and variance of what reaches batch-norm layer l from the images, m_l and s_l
those it keeps from training; w is 10 for the first layer and 1 for others. Total variation and L2
are Mahendran and Vedaldi's (CVPR 2015), the statistics Yin et al.'s ("Dreaming to distill", CVPR
2020), both with other networks and weights.

Ours: TV is a mean over pixels and L2 is taken from the mean public face m; pixels are searched
through a blur; every step looks at the images mirrored, moved, turned and scaled by chance.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from faceveil.core.ranges import Count, Natural, NonNegative, Positive
from faceveil.core.seeds import generator
from faceveil.inversion.attack import Attack, Threat
from faceveil.inversion.descent import descend
from faceveil.inversion.looks import reframed, smooth, smoother, total_variation
from faceveil.inversion.problem import Problem
from faceveil.inversion.victim import Victim
from faceveil.inversion.watch import Reached, watched

FIRST_LAYER = 10.0
"""What the statistics of the first batch-norm layer weigh, against 1 of others."""


@dataclass(frozen=True)
class PixelPrior(Attack):
    """Search all pictures, with a preference for smooth ones that the layers find usual.

    Attributes:
        tv: weight of total variation.
        l2: of the distance from the mean public face.
        batch_norm: of the statistics; 0 for victims that keep none.
        blur_px: deviation of the Gaussian that pixels are searched through.
        searches: together in one batch, as the statistics need it; the surest is given.
        steps, lr: of Adam.
        jitter: of the views, see :func:`~faceveil.inversion.looks.reframed`.
    """

    name: ClassVar[str] = "pixel-prior"
    summary: ClassVar[str] = "cross-entropy with TV, L2 and batch-norm statistics"
    threat: ClassVar[Threat] = "white-box"

    tv: NonNegative = 2.0
    l2: NonNegative = 1.0
    batch_norm: NonNegative = 0.01
    blur_px: NonNegative = 1.5
    searches: Count = 4
    steps: Natural = 100
    lr: Positive = 0.03
    jitter: NonNegative = 0.02

    def obstacle(self, victim: Victim) -> str | None:
        """Statistics are asked for and the network keeps none."""
        if self.batch_norm == 0 or victim.batch_norms:
            return None
        return (
            f"{self.name} compares statistics of batch normalisation, and {victim.name} has none "
            f"left (an ONNX file has them folded): go without, --set {self.name}.batch_norm=0."
        )

    def reconstruct(self, problem: Problem) -> tuple[Float[Tensor, "n 3 s s"], Float[Tensor, " n"]]:
        """The result of every search; the confidence is the probability's logarithm."""
        victim, draw = problem.victim, generator(problem.seed)
        mean = problem.public.mean(0, keepdim=True)[:, : problem.n_colours].to(victim.device)
        blur = smoother(self.blur_px, victim.size_px)
        shape = (self.searches, *mean.shape[1:])
        pixels = (mean + 0.1 * torch.randn(shape, generator=draw).to(mean)).requires_grad_()
        target = torch.full((self.searches,), problem.person, device=victim.device)
        optimiser = torch.optim.Adam([pixels], lr=self.lr)
        with watched(victim.batch_norms if self.batch_norm else []) as layers:
            for _ in range(self.steps):
                layers.clear()
                images = smooth(pixels, blur)
                seen = reframed(images, self.jitter, draw).expand(-1, 3, -1, -1)
                loss = F.cross_entropy(victim.logits(seen), target)
                loss = loss + self.tv * total_variation(images).mean()
                loss = loss + self.l2 * (images - mean).square().mean()
                if self.batch_norm:
                    loss = loss + self.batch_norm * unusual(layers)
                descend(optimiser, loss)
        with torch.no_grad():
            images = smooth(pixels, blur).clamp(0, 1).expand(-1, 3, -1, -1)
            return images, -F.cross_entropy(victim.logits(images), target, reduction="none")


def unusual(layers: Sequence[Reached]) -> Float[Tensor, ""]:
    """How far what reached each layer is from what it was trained on, in mean and variance."""
    total = layers[0].mean.new_zeros(())
    for place, (maps, mean, variance) in enumerate(layers):
        rows = maps.transpose(0, 1).flatten(1)
        distance = (rows.mean(1) - mean).norm() + (rows.var(1, correction=0) - variance).norm()
        total = total + (FIRST_LAYER if place == 0 else 1) * distance
    return total
