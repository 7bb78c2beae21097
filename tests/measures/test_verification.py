from __future__ import annotations

import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from faceveil.core.errors import UsageError
from faceveil.measures.verification import (
    accepted,
    pairs,
    protection_success_rate,
    threshold_at,
)

cosines = st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=60)


@given(impostor=cosines, genuine=cosines, percent=st.integers(1, 99))
def test_the_threshold_keeps_the_rate_and_a_smaller_one_does_not(
    impostor: list[float], genuine: list[float], percent: int
) -> None:
    n_allowed = percent * len(impostor) // 100
    assume(n_allowed >= 1)
    found = threshold_at(torch.tensor(genuine), torch.tensor(impostor), percent / 100)
    assert sum(cosine >= found.cosine for cosine in impostor) <= n_allowed
    assert sum(cosine >= found.cosine - 2e-6 for cosine in impostor) > n_allowed
    n_true = sum(cosine >= found.cosine for cosine in genuine)
    assert found.tar == pytest.approx(n_true / len(genuine), abs=1e-6)


def test_known_figures() -> None:
    impostor = torch.arange(100) / 100  # .99 is the highest
    genuine = torch.tensor([0.5, 0.985, 0.99, 1.0])
    one = threshold_at(genuine, impostor, 0.01)
    assert one.cosine == pytest.approx(0.980001, abs=2e-6)
    assert one.tar == 0.75
    assert accepted(impostor, one.cosine) == 0.01
    assert accepted(impostor, threshold_at(genuine, impostor, 0.29).cosine) == 0.29


def test_thresholds_have_six_decimals() -> None:
    draw = torch.Generator().manual_seed(0)
    found = threshold_at(torch.rand(9, generator=draw), torch.rand(999, generator=draw), 0.01)
    assert found.cosine == round(found.cosine, 6)


def test_ties_at_the_threshold_are_all_refused() -> None:
    impostor = torch.tensor([0.9] + [0.5] * 9)
    assert accepted(impostor, threshold_at(impostor, impostor, 0.2).cosine) == 0.1


def test_a_rate_below_one_pair_is_refused() -> None:
    with pytest.raises(UsageError, match="99 impostor pairs: it takes at least 100"):
        threshold_at(torch.ones(1), torch.zeros(99), 0.01)
    assert threshold_at(torch.ones(1), torch.zeros(100), 0.01).tar == 1


@pytest.mark.parametrize("far", [0.0, 1.0, -0.1, 2.0])
def test_a_rate_that_is_none_is_refused(far: float) -> None:
    with pytest.raises(UsageError, match="between 0 and 1"):
        threshold_at(torch.ones(5), torch.zeros(99), far)


def test_without_genuine_pairs_there_is_no_threshold() -> None:
    with pytest.raises(UsageError, match="two photos a person"):
        threshold_at(torch.ones(0), torch.zeros(99), 0.1)


def test_pairs_are_every_pair_once() -> None:
    vectors = normalize(torch.randn(6, 4, generator=torch.Generator().manual_seed(0)), dim=1)
    people = ["a", "b", "a", "c", "b", "a"]
    genuine, impostor = pairs(vectors, people)
    together = [(0, 2), (0, 5), (2, 5), (1, 4)]
    expected = torch.stack([vectors[i] @ vectors[j] for i, j in together])
    torch.testing.assert_close(genuine.sort().values, expected.sort().values)
    assert len(genuine) + len(impostor) == 15


def test_pairs_need_a_person_for_each_embedding() -> None:
    with pytest.raises(UsageError, match="as many people"):
        pairs(torch.ones(2, 4), ["a"])


def test_protection_succeeds_below_the_threshold_only() -> None:
    measured = protection_success_rate(torch.tensor([0.1, 0.25, 0.5, 0.75]), 0.5, list("abcd"))
    assert (measured.mean, measured.n) == (0.5, 4)
