from __future__ import annotations

import numpy as np
import pytest
import torch

from faceveil.core.errors import UsageError
from faceveil.measures.rate import mean, rate


def test_the_mean_and_count_are_the_trials() -> None:
    measured = rate(torch.tensor([True, True, False, True]), ["a", "b", "c", "d"])
    assert (measured.mean, measured.n) == (0.75, 4)
    assert measured.low <= 0.75 <= measured.high


def test_the_interval_is_repeatable_and_seeded() -> None:
    outcomes = torch.arange(37) % 3 == 0
    people = [str(i // 2) for i in range(37)]
    assert rate(outcomes, people) == rate(outcomes, people)
    assert rate(outcomes, people, seed=1) != rate(outcomes, people)


def test_one_photo_a_person_has_wilsons_interval() -> None:
    """Figures of Newcombe (Statistics in Medicine 1998, table I), 95 %, method 3."""
    for n_successes, n, low, high in (
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (1, 29, 0.0061, 0.1718),
    ):
        measured = rate(torch.arange(n) < n_successes, [str(i) for i in range(n)])
        assert (measured.low, measured.high) == pytest.approx((low, high), abs=5e-5)


def test_the_interval_of_several_photos_each_is_near_the_binomial_one_of_independent_photos() -> (
    None
):
    outcomes = torch.randperm(400, generator=torch.Generator().manual_seed(0)) < 100
    measured = rate(outcomes, [str(i // 2) for i in range(400)])
    spread = 1.96 * np.sqrt(0.25 * 0.75 / 400)
    assert measured.low == pytest.approx(0.25 - spread, abs=0.012)
    assert measured.high == pytest.approx(0.25 + spread, abs=0.012)


def test_photos_of_one_person_count_as_one_draw() -> None:
    """Ten copies of each trial are no new evidence, so the interval must not shrink."""
    outcomes, people = torch.arange(40) < 10, [str(i) for i in range(40)]
    once = rate(outcomes, people)
    copied = rate(outcomes.repeat(10), people * 10)
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))
    assert copied.n == 400


def test_a_mean_of_numbers_that_happen_to_be_0_or_1_is_no_share() -> None:
    values = (torch.arange(50) == 0).double()
    people = [str(i) for i in range(50)]
    assert mean(values, people).low == 0
    assert rate(values.bool(), people).low > 0


def test_certainty() -> None:
    measured = rate(torch.ones(5, dtype=torch.bool), list("abcde"))
    assert (measured.low, measured.mean, measured.high) == (1, 1, 1)
    assert str(measured) == "1.000 (1.000 to 1.000, n = 5)"


def test_no_trial_or_a_missing_person_is_refused() -> None:
    with pytest.raises(UsageError, match="0 trials"):
        rate(torch.ones(0, dtype=torch.bool), [])
    with pytest.raises(UsageError, match="2 people"):
        rate(torch.ones(3, dtype=torch.bool), ["a", "b"])
