"""MIFace, the first inversion of a face recogniser: gradient descent on who it shows.

Fredrikson, Jha, Ristenpart: "Model Inversion Attacks that Exploit Confidence Information and Basic
Countermeasures" (CCS 2015), algorithm 1:

    c(x) = 1 - p_t(x)
    x_i = Process(x_{i-1} - lambda * grad c(x_{i-1}))
    stop when c(x_i) >= max(c(x_{i-1}), ..., c(x_{i-beta})), or c(x_i) <= gamma; give the best x

Ours: the start is the mean of the public faces and not black; steps have a fixed length, because
the gradient of a probability all but vanishes far from the person; Process, there a denoising
autoencoder, is a blur of each step.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.ranges import Count, NonNegative, Positive
from faceveil.inversion.attack import Attack, Threat
from faceveil.inversion.looks import smooth, smoother
from faceveil.inversion.problem import Problem


@dataclass(frozen=True)
class MiFace(Attack):
    """Descend on 1 - p, keep the best.

    Attributes:
        steps: alpha, at most (paper 5000).
        window: beta; stop when the cost has not fallen for so many steps (paper 100).
        enough: gamma; stop below this cost.
        lr: lambda: how far a step goes, root mean square, pixels in [0, 1].
        blur_px: deviation of the Gaussian each step is blurred by.
    """

    name: ClassVar[str] = "mi-face"
    summary: ClassVar[str] = "gradient descent on 1 - p (Fredrikson et al. 2015)"
    threat: ClassVar[Threat] = "white-box"

    steps: Count = 300
    window: Count = 50
    enough: NonNegative = 1e-4
    lr: Positive = 0.01
    blur_px: NonNegative = 1.0

    def reconstruct(self, problem: Problem) -> tuple[Float[Tensor, "1 3 s s"], Float[Tensor, " 1"]]:
        """The image of the lowest cost; its confidence is p."""
        victim = problem.victim
        blur = smoother(self.blur_px, victim.size_px)
        image = problem.public.mean(0, keepdim=True).to(victim.device)
        image = image[:, : problem.n_colours]
        best, costs = image, []
        for _ in range(self.steps):
            image = image.detach().requires_grad_()
            logits = victim.logits(image.expand(-1, 3, -1, -1))
            # Its gradient is that of 1 - p times 1 / p, and does not underflow.
            loss = -logits.log_softmax(1)[0, problem.person]
            costs.append(-math.expm1(-loss.item()))
            if costs[-1] == min(costs):
                best = image
            before = costs[: -self.window]
            if costs[-1] <= self.enough or (before and min(before) <= min(costs)):
                break
            (gradient,) = torch.autograd.grad(loss, image)
            step = smooth(gradient, blur)
            image = (image - self.lr * step / step.square().mean().sqrt()).clamp(0, 1)
        return best.expand(-1, 3, -1, -1), torch.tensor([1 - min(costs)])
