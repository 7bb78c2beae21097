"""How many faces to mix: a policy that is rewarded for making recognition hard.

Adaptive hybrid masking (Wang et al., arXiv 2403.10558) lets a policy pi choose k in {2, ..., 6} by
reinforcement learning: it maximises the recogniser's loss, which the recogniser minimises. Neither
its network nor its coefficients are known to us; all below is ours, but for REINFORCE (Williams
1992).

    s = mean and deviation of every channel of the batch before it is mixed      pi(k | s) = MLP(s)
    ascend  A log pi(k | s) + eta H(pi)     A = (1 - mu) (L - forecast of L) / moving deviation
    mu <- clip(mu + rate clip(L_val - L_target, -1, 1), 0, 2)

L is the recogniser's mean loss while k is in force, L_val its loss on held-out faces after that. At
mu = 0 the policy learns one thing, that L rises with k, and always says 6. mu is the price of that:
it starts at 1, where nothing is learnt, and while L_val is above its target it rises, so that hard
mixes are no longer worth having.

One would write R = L - mu max(0, L_val - L_target). But what a few batches with k do to L_val is
lost in its noise and in its fall as the recogniser learns; a policy so rewarded stayed all but even
on real faces. That mixes hard to learn from keep L_val up, in the end, is what the formula above
takes for granted instead: only the sign of a sum of many L_val has to be right. The bounds of mu
keep it from growing without measure while the recogniser is new and far from any target. The weight
eta of the entropy H means the same whatever the loss, since A counts in deviations; were it small,
the policy would soon be certain of something and could no longer follow mu.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from faceveil.core.config import Strict
from faceveil.core.errors import UsageError
from faceveil.core.ranges import Count, NonNegative, Positive, PositiveShare
from faceveil.training.secret import Source, uniforms

CHOICES = (2, 3, 4, 5, 6)
"""The numbers of faces a strategy chooses from (the paper's)."""

MOST = 2.0
"""mu at its highest, where a loss is as bad as it is good at 0."""


@dataclass(frozen=True)
class StrategySettings(Strict):
    """How the number of faces in a mix is chosen.

    Attributes:
        mode: ``fixed``, always k; ``uniform``, any with equal chance; ``learned``, by the policy;
            ``max-loss``, by a policy whose mu stays 0, to show what becomes of it.
        k: faces in a mix, for ``fixed``.
        target: L_target, for ``learned``: the loss on held-out faces to stay below. It depends on
            the data and the margin; see ``held_out_loss`` in the log of a run with ``fixed``.
        every: batches a choice is in force.
        hidden: neurons of the policy's one hidden layer.
        rate: the policy's learning rate (Adam).
        entropy: eta.
        dual_rate: how fast mu moves.
        memory: what part of the moving means each new loss replaces.
    """

    mode: Literal["fixed", "uniform", "learned", "max-loss"] = "learned"
    k: int = 2
    target: float = 4.0
    every: Count = 10
    hidden: Count = 32
    rate: Positive = 0.01
    entropy: NonNegative = 0.5
    dual_rate: NonNegative = 0.1
    memory: PositiveShare = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.k not in CHOICES:
            raise UsageError(f"strategy: k is one of {CHOICES}, not {self.k}.")


class Strategy(nn.Module, ABC):
    """Chooses how many faces to mix; its ``state_dict`` is all it knows."""

    @abstractmethod
    def choose(self, statistics: Float[Tensor, " s"], draw: Source) -> int:
        """How many faces to mix from now on.

        Args:
            statistics: of the batch, from :func:`pooled`.
            draw: where the randomness comes from.
        """

    def learn(self, loss: float, held_out: float) -> None:
        """Take in what came of the last choice; nothing, in strategies that never learn.

        Args:
            loss: L.
            held_out: L_val.

        Raises:
            UsageError: L_val is needed and is not a number.
        """

    def figures(self) -> dict[str, float]:
        """Its state of mind, by name, for the log."""
        return {}


class Fixed(Strategy):
    """Always the same."""

    def __init__(self, k: int) -> None:
        super().__init__()
        self.k = k

    def choose(self, statistics: Float[Tensor, " s"], draw: Source) -> int:
        """k."""
        return self.k


class Uniform(Strategy):
    """Any, with equal chance."""

    def choose(self, statistics: Float[Tensor, " s"], draw: Source) -> int:
        """One of :data:`CHOICES`."""
        return CHOICES[int(uniforms(draw, 1) * len(CHOICES))]


class Learned(Strategy):
    """The policy. Its parameters are moved by :meth:`learn` alone.

    Args:
        settings: its coefficients.
        n_statistics: how many numbers :func:`pooled` gives.
        target: L_target; with infinity mu stays 0.
    """

    mu: Tensor
    once: Tensor
    twice: Tensor
    variance: Tensor
    n_losses: Tensor
    statistics: Tensor
    choice: Tensor

    def __init__(self, settings: StrategySettings, n_statistics: int, target: float) -> None:
        super().__init__()
        self.settings = settings
        self.target = target
        last = nn.Linear(settings.hidden, len(CHOICES))
        nn.init.zeros_(last.weight)
        nn.init.zeros_(last.bias)
        self.policy = nn.Sequential(nn.Linear(n_statistics, settings.hidden), nn.Tanh(), last)
        self.policy.requires_grad_(requires_grad=False)
        # With its usual memory of gradients' sizes Adam would hardly move a policy once certain.
        self.optimiser = torch.optim.Adam(self.policy.parameters(), settings.rate, (0.9, 0.9))
        self.register_buffer("mu", torch.tensor(1.0 if math.isfinite(target) else 0.0))
        for name in ("once", "twice", "variance"):
            self.register_buffer(name, torch.zeros(()))
        self.register_buffer("n_losses", torch.zeros((), dtype=torch.long))
        self.register_buffer("statistics", torch.zeros(n_statistics))
        self.register_buffer("choice", torch.zeros((), dtype=torch.long))

    def choose(self, statistics: Float[Tensor, " s"], draw: Source) -> int:
        """A draw from pi(. | s)."""
        self.statistics.copy_(statistics)
        below = self.log_probabilities().exp().cumsum(0)[:-1].cpu()
        self.choice.fill_(int((uniforms(draw, 1) > below).sum()))
        return CHOICES[int(self.choice)]

    def learn(self, loss: float, held_out: float) -> None:
        """One step of REINFORCE for the last choice, then one of mu."""
        if math.isnan(held_out) and math.isfinite(self.target):
            raise UsageError(
                "The strategy learns from the loss on photos held out, and there are none: set "
                "recipe.held_out_photos, or defence.strategy.mode to fixed, uniform or max-loss."
            )
        advantage = (1 - float(self.mu)) * self._surprise(loss)
        self.policy.requires_grad_(requires_grad=True)
        with torch.enable_grad():
            objective = self.objective(advantage)
        self.optimiser.zero_grad()
        torch.autograd.backward(objective.neg())
        self.optimiser.step()
        self.policy.requires_grad_(requires_grad=False)
        if math.isinf(self.target):
            return
        excess = max(-1.0, min(1.0, held_out - self.target))
        self.mu.fill_(max(0.0, min(MOST, float(self.mu) + self.settings.dual_rate * excess)))

    def objective(self, advantage: float) -> Float[Tensor, ""]:
        """A log pi(k | s) + eta H(pi), for the last choice."""
        log_probabilities = self.log_probabilities()
        entropy = self.settings.entropy * _entropy(log_probabilities)
        return advantage * log_probabilities[self.choice] + entropy

    def log_probabilities(self) -> Float[Tensor, "5"]:
        """log pi(. | s), for the batch last seen."""
        return self.policy(self.statistics).log_softmax(0)

    def entropy(self) -> float:
        """H(pi) for the batch last seen, in nats: log 5 if all are alike, 0 if one is certain."""
        return float(_entropy(self.log_probabilities()))

    def figures(self) -> dict[str, float]:
        """mu and the entropy."""
        return {"mu": float(self.mu), "entropy": self.entropy()}

    def get_extra_state(self) -> dict[str, Any]:
        """The optimiser's part of the ``state_dict``."""
        return self.optimiser.state_dict()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """What :meth:`get_extra_state` gave."""
        self.optimiser.load_state_dict(state)

    def _surprise(self, loss: float) -> float:
        """How far, in moving deviations, the loss is from where it was heading.

        The forecast is Brown's double exponential smoothing. A plain moving mean lags behind a loss
        that falls, and whatever is chosen then looks good, or bad, for it.
        """
        share = max(self.settings.memory, 1 / (int(self.n_losses) + 1))
        once, twice = float(self.once), float(self.twice)
        trend = (once - twice) * (share / (1 - share) if share < 1 else 0)
        surprise = loss - (2 * once - twice + trend) if self.n_losses else 0.0
        self.n_losses += 1
        self.once += share * (loss - self.once)
        self.twice += share * (self.once - self.twice)
        self.variance += share * (surprise**2 - self.variance)
        return surprise / max(float(self.variance) ** 0.5, 1e-8)


def build_strategy(settings: StrategySettings, n_channels: int) -> Strategy:
    """The strategy the settings ask for, for batches of ``n_channels``."""
    match settings.mode:
        case "fixed":
            return Fixed(settings.k)
        case "uniform":
            return Uniform()
        case "learned":
            return Learned(settings, 2 * n_channels, settings.target)
        case "max-loss":
            return Learned(settings, 2 * n_channels, float("inf"))


def pooled(channels: Float[Tensor, "b c h w"]) -> Float[Tensor, " s"]:
    """The mean of every channel over a batch, then the deviations: what a strategy sees of it."""
    values = channels.detach().transpose(0, 1).flatten(1)
    return torch.cat((values.mean(1), values.std(1, correction=0)))


def _entropy(log_probabilities: Tensor) -> Float[Tensor, ""]:
    return -(log_probabilities.exp() * log_probabilities).sum()
