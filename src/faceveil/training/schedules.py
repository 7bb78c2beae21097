"""How the learning rate runs: warm-up, then a cosine or steps."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar

from faceveil.core.config import Strict
from faceveil.core.ranges import Decay, Fraction


@dataclass(frozen=True)
class Schedule(Strict, ABC):
    """A share of the optimiser's learning rate for every step.

    Attributes:
        warm_up: the share of all steps in which the rate rises evenly from zero.
    """

    name: ClassVar[str]

    warm_up: Decay = 0.05

    def factor(self, step: int, n_steps: int) -> float:
        """What the learning rate is multiplied by in ``step``, the first being 0."""
        n_warm = round(self.warm_up * n_steps)
        if step < n_warm:
            return (step + 1) / n_warm
        return self._after((step - n_warm) / (n_steps - n_warm))

    @abstractmethod
    def _after(self, share: float) -> float:
        """The factor once ``share`` in [0, 1) of the steps after the warm-up is done."""


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine from one to zero (Loshchilov & Hutter 2017)."""

    name: ClassVar[str] = "cosine"

    def _after(self, share: float) -> float:
        return (1 + math.cos(math.pi * share)) / 2


@dataclass(frozen=True)
class Steps(Schedule):
    """The rate multiplied by ``gamma`` at each of ``milestones``.

    Attributes:
        milestones: shares in (0, 1) of the steps after the warm-up.
        gamma: in (0, 1).
    """

    name: ClassVar[str] = "steps"

    milestones: tuple[Fraction, ...] = (0.5, 0.75, 0.9)
    gamma: Fraction = 0.1

    def _after(self, share: float) -> float:
        return self.gamma ** sum(share >= milestone for milestone in self.milestones)
