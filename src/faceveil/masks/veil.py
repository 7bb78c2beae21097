"""The veil, the default method: the most protection that a given visible damage buys.

Ours. Four ideas carry it; docs/veil.md has the ablation of each.

* The budget is what the eye sees of the face, and the descent runs *along* it: every few steps away
  from the person, Newton steps lead back to the limits on SSIMULACRA2 and FLIP, the shortest way
  there. What is left of the way is what these measures mind least. A finished mask that is scaled
  down to the same limits keeps far less protection.
* Measures have blind spots, and a descent finds them. So masks are weighed: strong where the face
  is busy, faint on smooth skin and sky (texture masking), with less colour than brightness, and
  smooth below what a recogniser resolves. No single spot may show much more than the rest.
* Every surrogate pushes with the same strength: its gradient counts by direction only, however
  steep its loss. What moves several recognisers at once moves those that nobody asked.
* Every step sees the face through other views, so that no mask rests on one grid of pixels.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.budget import Budget
from faceveil.core.errors import UsageError
from faceveil.core.goal import GoalName
from faceveil.faces.regions import template_px
from faceveil.masks.limits import along, length, toward
from faceveil.masks.method import Method
from faceveil.masks.problem import Problem
from faceveil.masks.views import Views
from faceveil.measures.texture import texture
from faceveil.ops.treat import blur


@dataclass(frozen=True)
class Veil(Method):
    """Momentum descent along the limits of visible damage.

    With weights w of texture, P the split into brightness and colour and G a Gaussian, a mask is
    m = w P G u, and u <- u - stride v / |v|, v <- momentum v + g / |g| with g the surrogates'
    balanced gradient by u. After each step u is made fainter where a spot of m shows too much;
    every few steps a Newton step leads back to each limit that m breaks, and the steps between run
    along these limits as they lay there.

    Attributes:
        steps: iterations.
        alpha: root mean square of the mask's change in one step before repairs, in 1/255.
        momentum: decay of the accumulated gradient.
        repair_every: steps from one return to the limits to the next.
        settling: returns after the last step.
        reach: the longest Newton step, as a share of the mask's length.
        texture_power: power of the texture weights; 0 for none.
        calm: the deviation, in 1/255, that smooth places are taken to have at least.
        smoothness: sigma of G, in pixels of the 112 px crop recognisers look at; 0 for none.
        colour: the share of colour that is kept, in [0, 1]; 0 makes grey masks.
    """

    name: ClassVar[str] = "veil"
    summary: ClassVar[str] = "the most protection for what may be seen of it"
    default_goal: ClassVar[GoalName] = "dodge"
    default_budget: ClassVar[Budget] = Budget(eps=32.0, ssimulacra2=75.0, flip=0.025, spot=0.15)
    default_views: ClassVar[Views] = Views(affine=(0.03, 0.03))

    steps: int = 24
    alpha: float = 0.5
    momentum: float = 0.7
    repair_every: int = 3
    settling: int = 6
    reach: float = 0.5
    texture_power: float = 1.0
    calm: float = 2.0
    smoothness: float = 0.5
    colour: float = 0.5

    def __post_init__(self) -> None:
        if self.steps < 1:
            raise UsageError(f"method.steps must be at least 1, not {self.steps}.")
        if self.repair_every < 1:
            raise UsageError(f"method.repair_every must be at least 1, not {self.repair_every}.")
        if self.smoothness < 0:
            raise UsageError(f"method.smoothness is 0 or more, not {self.smoothness:g}.")
        if not 0 <= self.colour <= 1:
            raise UsageError(f"method.colour must lie in [0, 1], not {self.colour:g}.")
        if self.calm <= 0:
            raise UsageError(f"method.calm must be positive, not {self.calm:g}.")

    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """Descend from a whisper of noise; every step ends near the limits."""
        problem = problem.towards_nearest()
        weights = self._weights(problem)
        sigmas_px = (self.smoothness * template_px(problem.landmarks)).tolist()
        stride = self.alpha / 255 * math.sqrt(problem.pixels[0].numel())
        free = problem.nudge()
        velocity = torch.zeros_like(free)

        def muted(mask: Tensor) -> Tensor:
            grey = mask.mean(dim=1, keepdim=True)
            return grey + self.colour * (mask - grey)

        def smooth(mask: Tensor) -> Tensor:
            return blur(mask, sigmas_px) if self.smoothness else mask

        def mask_of(free: Tensor) -> Tensor:
            return weights * muted(smooth(free))

        def free_of(gradient: Tensor) -> Tensor:
            """The transpose of ``mask_of``."""
            return smooth(muted(weights * gradient))

        def unspotted(free: Tensor) -> Tensor:
            return problem.factors(mask_of(free)) * free

        def repaired(free: Tensor) -> tuple[Tensor, list[Tensor]]:
            inward = []
            for slack in problem.limits:
                free, normal = toward(slack, free, mask_of, reach=self.reach)
                inward.append(normal)
            return free, inward

        inward: list[Tensor] = []
        for step in problem.steps(self.steps):
            push = free_of(self.push(problem, mask_of(free)))
            velocity = self.momentum * velocity + push / length(push).clamp_min(1e-30)
            down = -stride * velocity / length(mask_of(velocity)).clamp_min(1e-30)
            free = unspotted(free + along(down, inward))
            if (step + 1) % self.repair_every == 0:
                free, inward = repaired(free)
        for _ in range(self.settling):
            free, _ = repaired(unspotted(free))
        return mask_of(free)

    def push(self, problem: Problem, mask: Float[Tensor, "b 3 w w"]) -> Float[Tensor, "b 3 w w"]:
        """A direction of ascent of what is to be lowered: each step goes against it."""
        return problem.balanced_gradient(mask, problem.draw_views())

    def _weights(self, problem: Problem) -> Float[Tensor, "b 1 w w"]:
        """Of the mask at each pixel, in (0, 1]: 1 where the face is busiest."""
        busy = texture(problem.pixels) + self.calm / 255
        return (busy / busy.amax(dim=(2, 3), keepdim=True)) ** self.texture_power
