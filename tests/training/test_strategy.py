"""Strategies on a made recogniser whose losses rise with the number of faces mixed."""

from __future__ import annotations

import io
import math
from collections.abc import Callable

import pytest
import torch
from torch.distributions import Categorical

from faceveil.core.errors import UsageError
from faceveil.training.secret import stream
from faceveil.training.strategy import (
    CHOICES,
    Learned,
    Strategy,
    StrategySettings,
    build_strategy,
    pooled,
)

KEY = b"a key for tests that is not secret"
STATISTICS = torch.linspace(-1, 1, 8)


class Made:
    """A recogniser in two numbers: loss is higher with more faces, and held-out loss drifts up."""

    def __init__(self, strategy: Strategy, seed: int = 0) -> None:
        self.strategy = strategy
        self.held_out = 1.0
        self.noise = torch.Generator().manual_seed(seed)
        self.draw = stream(KEY, seed)

    def live(self, n: int) -> tuple[list[int], list[float]]:
        """The choices and the held-out losses of ``n`` decisions."""
        chosen, held_out = [], []
        for _ in range(n):
            k = self.strategy.choose(STATISTICS, self.draw)
            noise = torch.randn(2, generator=self.noise).tolist()
            loss = 5 + 0.5 * k + 0.2 * noise[0]
            self.held_out += 0.3 * (0.4 * k + 0.02 * noise[1] - self.held_out)
            self.strategy.learn(loss, self.held_out)
            chosen.append(k)
            held_out.append(self.held_out)
        return chosen, held_out


def learned(mode: str = "learned", **fields: float) -> Learned:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        strategy = build_strategy(StrategySettings(mode, **fields), 4)  # type: ignore[arg-type]
    assert isinstance(strategy, Learned)
    return strategy


def mean(values: list[float] | list[int]) -> float:
    return sum(values) / len(values)


def test_a_reward_of_loss_alone_ends_at_the_most_faces() -> None:
    strategy = learned("max-loss")
    chosen, held_out = Made(strategy).live(400)
    assert mean([k == 6 for k in chosen[-100:]]) > 0.8
    assert mean(held_out[-100:]) > 0.4 * (0.8 * 6 + 0.2 * 3.5)
    assert strategy.figures()["mu"] == 0
    assert strategy.figures()["entropy"] < 0.8


@pytest.mark.parametrize("target", [1.4, 2.0])
def test_the_dual_term_holds_the_held_out_loss_at_its_target(target: float) -> None:
    strategy = learned(target=target)
    chosen, held_out = Made(strategy).live(600)
    assert mean(held_out[-350:]) == pytest.approx(target, rel=0.08)
    assert mean(chosen[-350:]) == pytest.approx(target / 0.4, rel=0.08)


def test_a_target_that_nothing_reaches_leaves_the_most_faces() -> None:
    chosen, _ = Made(learned(target=3.0)).live(400)
    assert mean(chosen[-100:]) > 5.5


def test_uniform_and_fixed() -> None:
    chosen, _ = Made(build_strategy(StrategySettings("uniform"), 4)).live(1000)
    assert all(abs(chosen.count(k) / 1000 - 0.2) < 0.05 for k in CHOICES)
    chosen, _ = Made(build_strategy(StrategySettings("fixed", k=4), 4)).live(3)
    assert chosen == [4, 4, 4]


def test_it_draws_what_its_policy_says() -> None:
    strategy = learned()
    strategy.policy[2].bias.copy_(torch.tensor([1.0, 0.0, -1.0, 0.5, 2.0]))
    draw = stream(KEY)
    chosen = [strategy.choose(STATISTICS, draw) for _ in range(3000)]
    shares = torch.tensor([chosen.count(k) / 3000 for k in CHOICES])
    torch.testing.assert_close(shares, strategy.log_probabilities().exp(), atol=0.03, rtol=0)


def test_entropy_is_that_of_the_distribution() -> None:
    strategy = learned()
    strategy.choose(STATISTICS, stream(KEY))
    assert strategy.entropy() == pytest.approx(math.log(5))
    strategy.policy[2].bias.copy_(torch.tensor([1.0, 0.0, -1.0, 0.5, 2.0]))
    expected = Categorical(logits=strategy.policy(STATISTICS)).entropy()
    assert strategy.entropy() == pytest.approx(float(expected))


@pytest.mark.parametrize("advantage", [-1.5, 0.0, 2.0])
def test_the_gradient_is_that_of_reinforce(advantage: float) -> None:
    """By logit, A (1[k] - p) - eta p (log p + H); and as autograd has it for a Categorical."""
    strategy = learned(entropy=0.3)
    bias = strategy.policy[2].bias
    bias.copy_(torch.tensor([0.3, -0.2, 0.1, 0.5, -0.7]))
    strategy.choose(STATISTICS, stream(KEY, 3))
    bias.requires_grad_()
    (gradient,) = torch.autograd.grad(strategy.objective(advantage), bias)

    bias.requires_grad_(requires_grad=False)
    log_p = strategy.log_probabilities()
    chosen = torch.nn.functional.one_hot(strategy.choice, 5)
    by_hand = advantage * (chosen - log_p.exp())
    by_hand = by_hand - 0.3 * log_p.exp() * (log_p + strategy.entropy())
    torch.testing.assert_close(gradient, by_hand)

    bias.requires_grad_()
    distribution = Categorical(logits=strategy.policy(STATISTICS))
    oracle = advantage * distribution.log_prob(strategy.choice) + 0.3 * distribution.entropy()
    torch.testing.assert_close(gradient, torch.autograd.grad(oracle, bias)[0])


def test_a_choice_that_did_well_becomes_likelier() -> None:
    strategy = learned()
    strategy.learn(1.0, 0.0)
    k = strategy.choose(STATISTICS, stream(KEY))
    before = strategy.log_probabilities()[CHOICES.index(k)]
    strategy.learn(2.0, 0.0)
    assert strategy.log_probabilities()[CHOICES.index(k)] > before


def restored(strategy: Learned, **fields: float) -> Learned:
    file = io.BytesIO()
    torch.save(strategy.state_dict(), file)
    file.seek(0)
    copy = learned(**fields)
    copy.load_state_dict(torch.load(file, weights_only=True))
    return copy


@pytest.mark.parametrize(
    "between", [lambda s: None, lambda s: s.choose(STATISTICS, stream(KEY, 9))]
)
def test_a_restored_strategy_goes_on_exactly(between: Callable[[Learned], object]) -> None:
    strategy = learned(target=1.6)
    Made(strategy).live(50)
    between(strategy)
    copy = restored(strategy, target=1.6)
    for each in (strategy, copy):
        each.learn(7.0, 1.9)
    assert Made(strategy, seed=5).live(20) == Made(copy, seed=5).live(20)
    for one, other in zip(strategy.parameters(), copy.parameters(), strict=True):
        assert torch.equal(one, other)


def test_what_it_sees_of_a_batch() -> None:
    channels = torch.randn(5, 4, 3, 3)
    seen = pooled(channels)
    torch.testing.assert_close(seen[:4], channels.mean((0, 2, 3)))
    torch.testing.assert_close(seen[4:], channels.std((0, 2, 3), correction=0))


def test_a_policy_without_held_out_faces_says_so() -> None:
    strategy = learned()
    strategy.choose(STATISTICS, stream(KEY))
    with pytest.raises(UsageError, match="held_out_photos"):
        strategy.learn(1.0, math.nan)
    loss_alone = learned("max-loss")
    for _ in range(5):
        loss_alone.learn(1.0, math.nan)
    assert loss_alone.figures()["mu"] == 0


def test_settings_that_make_no_sense_are_refused() -> None:
    with pytest.raises(UsageError, match="not 7"):
        StrategySettings(k=7)
    with pytest.raises(UsageError, match="strategysettings: every must be at least 1"):
        StrategySettings(every=0)
