from __future__ import annotations

import pytest
import torch

from faceveil.core.errors import UsageError
from faceveil.measures.diversity import focal_diversity, teams


def failures(*rows: str) -> torch.Tensor:
    """One row a member, one character a trial; x is a failure."""
    return torch.tensor([[mark == "x" for mark in row] for row in rows])


def test_members_that_never_fail_together_are_as_diverse_as_can_be() -> None:
    assert focal_diversity(failures("xx..", "..x.")) == pytest.approx(1)


def test_members_that_always_fail_together_are_not_diverse() -> None:
    assert focal_diversity(failures("x.x.", "x.x.", "x.x.")) == pytest.approx(0)


def test_two_members_by_hand() -> None:
    # A fails in trials 1 2 3 4, B in 1: for A, p_1 = 3/4 and p_2 = 1/4, so p(1) = 3/8 + 1/4 = 5/8,
    # p(2) = 1/4 and rho = 2/5. For B, p_2 = 1: rho = 1. The mean of 3/5 and 0 is .3.
    assert focal_diversity(failures("xxxx.", "x....")) == pytest.approx(0.3)


def test_three_members_by_hand() -> None:
    # Failures together by trial: 3, 2, 1, 1.
    # A fails in trials 1 2 3: p(1) = (1 + 2/3 + 1/3) / 3 = 2/3, p(2) = (1 + 1/3 + 0) / 3 = 4/9,
    # rho = 2/3. B in 1 2: p(1) = 5/6, p(2) = 2/3, rho = 4/5. C in 1 4: p(1) = 2/3, p(2) = 1/2,
    # rho = 3/4.
    by_hand = (1 / 3 + 1 / 5 + 1 / 4) / 3
    assert focal_diversity(failures("xxx..", "xx...", "x..x.")) == pytest.approx(by_hand)


def test_whoever_never_fails_is_no_focal_member() -> None:
    # A alone counts: p_1 = 1, so rho = 0.
    assert focal_diversity(failures("xx.", "...")) == pytest.approx(1)
    assert focal_diversity(failures("...", "...")) is None


def test_the_most_diverse_team_comes_first_and_of_equals_the_more_accurate() -> None:
    pool = dict(zip("abcd", failures("xx....", "xx....", "..x...", "...xxx"), strict=True))
    ranked = teams(pool, 2)
    assert len(ranked) == 6
    assert ranked[-1].members == ("a", "b")
    assert [team.members for team in ranked[:2]] == [("a", "c"), ("b", "c")]
    assert ranked[0].diversity == pytest.approx(1)
    assert ranked[0].accuracy == pytest.approx(9 / 12)


def test_a_pool_too_small_is_refused() -> None:
    pool = dict(zip("ab", failures("x.", ".x"), strict=True))
    with pytest.raises(UsageError, match="pool of 2 recognisers holds no team of 3"):
        teams(pool, 3)
    with pytest.raises(UsageError, match="two members or more"):
        teams(pool, 1)
