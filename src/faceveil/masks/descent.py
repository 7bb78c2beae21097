"""The descent along the limits of visible damage that the default method and its kin share.

Ours. The budget is what the eye sees of the face, and the descent runs *along* it: every few steps
away from the person, Newton steps lead back to the limits on SSIMULACRA2 and FLIP, the shortest way
there. What is left of the way is what these measures mind least. A finished mask that is scaled
down to the same limits keeps far less protection.
"""

from __future__ import annotations

import math
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.budget import Budget
from faceveil.core.goal import GoalName
from faceveil.core.ranges import Count, Decay, Natural, Positive
from faceveil.masks.brush import Brush
from faceveil.masks.limits import along, length, toward, unit
from faceveil.masks.method import Method
from faceveil.masks.problem import Problem
from faceveil.masks.views import Views

Push = Callable[[Float[Tensor, "b 3 w w"]], Float[Tensor, "b 3 w w"]]
"""From masks to a direction of ascent of what is to be lowered."""

PATIENCE, SETTLED = 4, 0.02
"""How many times ``settling`` a face returns at most, and the share of its length that z then moves
by at least. What breaks a limit in the end is scaled down as a whole, which costs protection."""

LEAST = 1e-3
"""The share of a step's z that its mask is taken to be at least: of a face without any detail next
to nothing is, and no step may be without end."""


@dataclass(frozen=True)
class Descent(Method):
    """Momentum descent along the limits.

    With z what a :class:`~faceveil.masks.brush.Brush` makes a mask m of,
    z <- z - stride v / |J v| and v <- momentum v + J'g / |J'g|, where J is the derivative of m and
    g the surrogates' balanced gradient by m. After each step z is made fainter where a spot of m
    shows too much; every few steps a Newton step leads back to each limit that m breaks, and the
    steps between run along these limits as they lay there.

    Attributes:
        steps: iterations.
        alpha: root mean square of the mask's change in one step before repairs, in 1/255.
        momentum: decay of the accumulated gradient.
        repair_every: steps from one return to the limits to the next.
        settling: returns after the last step; a face that is still far from its limits then has up
            to four times as many.
        reach: the longest Newton step, as a share of the length of z.
    """

    heeds_damage: ClassVar[bool] = True
    default_goal: ClassVar[GoalName] = "dodge"
    default_budget: ClassVar[Budget] = Budget(eps=64.0, ssimulacra2=70.0, flip=0.03, spot=0.3)
    default_views: ClassVar[Views] = Views(affine=(0.03, 0.03))

    steps: Count = 24
    alpha: Positive = 0.5
    momentum: Decay = 0.7
    repair_every: Count = 3
    settling: Natural = 3
    reach: Positive = 0.5

    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """Descend from a whisper of noise; every step ends near the limits."""
        problem = problem.towards_nearest()
        brush, push = self.brush(problem), self.push(problem)
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
            mask = brush(free.requires_grad_())
            (uphill,) = torch.autograd.grad(mask, free, push(mask.detach()))
            free, mask = free.detach(), mask.detach()
            velocity = self.momentum * velocity + unit(uphill)
            trial = -stride * unit(velocity)
            down = trial * stride / length(brush(free + trial) - mask).clamp_min(LEAST * stride)
            free = unspotted(free + along(down, inward))
            if (step + 1) % self.repair_every == 0:
                free, inward = repaired(free)
        for turn in range(PATIENCE * self.settling):
            settled, _ = repaired(unspotted(free))
            far = length(settled - free) > SETTLED * length(free)
            if turn >= self.settling and not far.any():
                break
            free = torch.where(far | (turn < self.settling), settled, free)
        return brush(free)

    def push(self, problem: Problem) -> Push:
        """What gives each step, for the masks so far, the direction that it goes against."""
        return lambda mask: problem.balanced_gradient(mask, problem.draw_views())

    @abstractmethod
    def brush(self, problem: Problem) -> Brush:
        """What makes the masks."""
