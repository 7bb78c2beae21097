from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from torch.nn.functional import normalize

from faceveil.core.errors import UsageError
from faceveil.measures.verification import (
    accepted,
    k_fold_accuracy,
    pair_owners,
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


def oracle(cosines: np.ndarray, same: np.ndarray, folds: np.ndarray) -> float:
    """Every threshold between two cosines tried on the other folds, the lowest best one kept."""
    right = 0
    for fold in np.unique(folds):
        others = folds != fold
        values = np.unique(cosines[others])
        tried = [-np.inf, *((values[1:] + values[:-1]) / 2), np.inf]
        scores = [((cosines[others] >= t) == same[others]).sum() for t in tried]
        threshold = tried[int(np.argmax(scores))]
        right += ((cosines[~others] >= threshold) == same[~others]).sum()
    return float(right / len(same))


@pytest.mark.parametrize("decimals", [1, 2, 8])
@pytest.mark.parametrize("seed", range(10))
def test_k_fold_accuracy_is_that_of_trying_every_threshold(seed: int, decimals: int) -> None:
    draw = np.random.default_rng(seed)
    same = draw.random(200) < 0.5
    cosines = draw.normal(0.4 * same, 0.2).round(decimals)
    folds = draw.integers(0, 10, 200)
    measured = k_fold_accuracy(torch.tensor(cosines), torch.tensor(same), folds.tolist())
    assert measured.mean == pytest.approx(oracle(cosines, same, folds))
    assert measured.n == 200
    assert measured.low <= measured.mean <= measured.high


def test_k_fold_accuracy_by_hand() -> None:
    """From fold 1 the threshold is .5: two of fold 0 fail. From fold 0 it is .25: none fails."""
    cosines = torch.tensor([0.3, 0.4, 0.1, 0.2, 0.8, 0.9, 0.1, 0.2])
    same = torch.tensor([True, True, False, False] * 2)
    measured = k_fold_accuracy(cosines, same, [0, 0, 0, 0, 1, 1, 1, 1])
    assert (measured.mean, measured.low, measured.high) == (0.75, 0.5, 1.0)


def test_a_fold_does_not_choose_its_own_threshold() -> None:
    """Each fold is perfectly separable, but at a cosine that is wrong for the other."""
    cosines = torch.tensor([0.2, 0.1, 0.9, 0.8])
    same = torch.tensor([True, False, True, False])
    assert k_fold_accuracy(cosines, same, [0, 0, 1, 1]).mean == 0.5


def test_k_fold_accuracy_of_clear_cases() -> None:
    same = torch.arange(40) % 2 == 0
    folds = [i // 4 for i in range(40)]
    assert k_fold_accuracy(same.double(), same, folds).mean == 1
    assert k_fold_accuracy(torch.zeros(40), same, folds).mean == 0.5


@pytest.mark.parametrize("folds", [[0] * 4, [0, 1], []])
def test_one_fold_or_missing_ones_are_refused(folds: list[int]) -> None:
    with pytest.raises(UsageError, match="needs two folds or more"):
        k_fold_accuracy(torch.ones(4), torch.ones(4, dtype=torch.bool), folds)


def test_pairs_have_owners_in_their_order() -> None:
    names = list("abacab")
    wanted = [names[i] for i, j in combinations(range(6), 2) if names[i] == names[j]]
    assert pair_owners(names) == wanted
    assert pair_owners([]) == []
