"""The veil, the default method: the most protection that a given visible damage buys.

Ours. Five ideas carry it; docs/veil.md has the ablation of each.

* The budget is what the eye sees of the face, and the descent runs *along* it: every few steps away
  from the person, Newton steps lead back to the limits on SSIMULACRA2 and FLIP, the shortest way
  there. What is left of the way is what these measures mind least. A finished mask that is scaled
  down to the same limits keeps far less protection.
* Features are moved rather than drawn. A brow that lies a pixel lower is still a brow, and where
  there is nothing to move, on smooth skin, nothing changes. Smooth flows of the face's own pixels
  carry half of the veil (after Xiao et al., "Spatially transformed adversarial examples", 2018).
* The other half is painted where the face is busy and hides it (texture masking), with less colour
  than brightness and smooth below what a recogniser resolves. No single spot may show much.
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
from faceveil.masks.brush import Brush
from faceveil.masks.limits import along, length, toward
from faceveil.masks.method import Method
from faceveil.masks.problem import Problem
from faceveil.masks.views import Views
from faceveil.measures.texture import texture


@dataclass(frozen=True)
class Veil(Method):
    """Momentum descent along the limits of visible damage.

    With z the flow and the paint of which a :class:`~faceveil.masks.brush.Brush` makes a mask m,
    z <- z - stride v / |J v| and v <- momentum v + J'g / |J'g|, where J is the derivative of m and
    g the surrogates' balanced gradient by m. After each step z is made fainter where a spot of m
    shows too much; every few steps a Newton step leads back to each limit that m breaks, and the
    steps between run along these limits as they lay there.

    Attributes:
        steps: iterations.
        alpha: root mean square of the mask's change in one step before repairs, in 1/255.
        momentum: decay of the accumulated gradient.
        repair_every: steps from one return to the limits to the next.
        settling: returns after the last step.
        reach: the longest Newton step, as a share of the length of z.
        flow: how readily features are moved rather than painted on: how far a unit of z moves
            them, in ``flow_sigma``; 0 for never.
        flow_sigma: what flows are smoothed with, in pixels of the 112 px crop recognisers look at.
        paint_sigma: what paint is smoothed with, in the same pixels; 0 for nothing.
        busy: the deviation of brightness around a pixel that lets half of the paint through there,
            in 1/255; 0 lets all through.
        colour: the share of the paint's colour that is kept, in [0, 1]; 0 makes it grey.
    """

    name: ClassVar[str] = "veil"
    summary: ClassVar[str] = "the most protection for what may be seen of it"
    default_goal: ClassVar[GoalName] = "dodge"
    default_budget: ClassVar[Budget] = Budget(eps=64.0, ssimulacra2=70.0, flip=0.03, spot=0.3)
    default_views: ClassVar[Views] = Views(affine=(0.03, 0.03))

    steps: int = 24
    alpha: float = 0.5
    momentum: float = 0.7
    repair_every: int = 3
    settling: int = 6
    reach: float = 0.5
    flow: float = 2.4
    flow_sigma: float = 1.0
    paint_sigma: float = 0.5
    busy: float = 24.0
    colour: float = 0.5

    def __post_init__(self) -> None:
        for name in ("steps", "repair_every"):
            if getattr(self, name) < 1:
                raise UsageError(f"method.{name} must be at least 1, not {getattr(self, name)}.")
        for name in ("flow", "flow_sigma", "paint_sigma", "busy"):
            if not 0 <= getattr(self, name) < math.inf:
                raise UsageError(f"method.{name} is 0 or more, not {getattr(self, name):g}.")
        if not 0 <= self.colour <= 1:
            raise UsageError(f"method.colour must lie in [0, 1], not {self.colour:g}.")

    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """Descend from a whisper of noise; every step ends near the limits."""
        problem = problem.towards_nearest()
        brush = self._brush(problem)
        stride = self.alpha / 255 * math.sqrt(problem.pixels[0].numel())
        free = brush.start(problem.nudge())
        velocity = torch.zeros_like(free)

        def unspotted(free: Tensor) -> Tensor:
            return problem.factors(brush(free)) * free

        def repaired(free: Tensor) -> tuple[Tensor, list[Tensor]]:
            inward = []
            for slack in problem.limits:
                free, normal = toward(slack, free, brush, reach=self.reach)
                inward.append(normal)
            return free, inward

        inward: list[Tensor] = []
        for step in problem.steps(self.steps):
            push = brush.back(free, self.push(problem, brush(free)))
            velocity = self.momentum * velocity + push / length(push).clamp_min(1e-30)
            down = brush.step(free, -velocity, stride)
            free = unspotted(free + along(down, inward))
            if (step + 1) % self.repair_every == 0:
                free, inward = repaired(free)
        for _ in range(self.settling):
            free, _ = repaired(unspotted(free))
        return brush(free)

    def push(self, problem: Problem, mask: Float[Tensor, "b 3 w w"]) -> Float[Tensor, "b 3 w w"]:
        """A direction of ascent of what is to be lowered: each step goes against it."""
        return problem.balanced_gradient(mask, problem.draw_views())

    def _brush(self, problem: Problem) -> Brush:
        crop_px = template_px(problem.landmarks)
        busy = texture(problem.pixels)
        return Brush(
            problem.pixels,
            weights=busy / (busy + self.busy / 255) if self.busy else torch.ones_like(busy),
            scales=(self.flow * self.flow_sigma * crop_px).tolist(),
            flow_sigmas=(self.flow_sigma * crop_px).tolist(),
            paint_sigmas=(self.paint_sigma * crop_px).tolist(),
            colour=self.colour,
        )
