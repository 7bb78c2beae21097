from __future__ import annotations

import pytest
import torch

from faceveil.core.errors import UsageError
from faceveil.measures.identification import rank_n, rank_n_targeted, rank_n_untargeted

GALLERY = ["ann", "bob", "cid", "bob", "dee"]
SIMILARITIES = torch.tensor(
    [
        [0.9, 0.1, 0.8, 0.2, 0.3],  # ann: ann, cid, dee, bob, bob
        [0.9, 0.1, 0.8, 0.85, 0.3],  # bob: ann, bob, cid, dee, bob
        [0.5, 0.5, 0.5, 0.5, 0.5],  # dee: gallery order
    ]
)
PROBES = ["ann", "bob", "dee"]


@pytest.mark.parametrize(("n", "hits"), [(1, 1), (2, 2), (4, 2), (5, 3)])
def test_clean_and_untargeted_rates_are_complements(n: int, hits: int) -> None:
    clean = rank_n(SIMILARITIES, GALLERY, PROBES, n)
    untargeted = rank_n_untargeted(SIMILARITIES, GALLERY, PROBES, n)
    assert clean.mean == pytest.approx(hits / 3)
    assert untargeted.mean == pytest.approx(1 - hits / 3)
    assert clean.n == untargeted.n == 3


@pytest.mark.parametrize(("n", "hits"), [(1, 1), (2, 2), (3, 3)])
def test_targeted_counts_any_of_a_probes_own_targets(n: int, hits: int) -> None:
    targets = [{"cid", "bob"}, {"ann"}, {"cid"}]
    rate = rank_n_targeted(SIMILARITIES, GALLERY, PROBES, targets, n)
    assert rate.mean == pytest.approx(hits / 3)


def test_intervals_are_repeatable() -> None:
    draw = torch.Generator().manual_seed(0)
    similarities = torch.rand(60, 30, generator=draw)
    labels = [str(i % 30) for i in range(60)]
    gallery = [str(i) for i in range(30)]
    one = rank_n(similarities, gallery, labels, 10)
    assert one == rank_n(similarities, gallery, labels, 10)
    assert one.low < one.mean < one.high


def test_labels_that_do_not_fit_are_refused() -> None:
    with pytest.raises(UsageError, match="as many probe and gallery labels, not 3 and 2"):
        rank_n(SIMILARITIES, ["ann", "bob"], PROBES, 1)
    with pytest.raises(UsageError, match="not 1 and 5"):
        rank_n_targeted(SIMILARITIES, GALLERY, PROBES, [{"ann"}], 1)


@pytest.mark.parametrize("n", [0, 6])
def test_a_rank_outside_the_gallery_is_refused(n: int) -> None:
    with pytest.raises(UsageError, match="does not exist in a gallery of 5"):
        rank_n(SIMILARITIES, GALLERY, PROBES, n)
