"""What a mix is made of, and what its labels say."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from faceveil.core.errors import UsageError
from faceveil.training.mixing import CAP, draw_mix, sign_flipped
from faceveil.training.secret import stream

KEY = b"a key for tests that is not secret"


@given(k=st.integers(2, 6), n=st.integers(6, 12), n_public=st.integers(0, 5), seed=st.integers())
@settings(max_examples=40, deadline=None)
def test_a_mix_is_the_face_itself_and_different_others(
    k: int, n: int, n_public: int, seed: int
) -> None:
    members, shares = draw_mix(torch.arange(n), k, stream(KEY, seed), n_public=n_public)
    assert members.shape == shares.shape == (n, k)
    assert members[:, 0].tolist() == list(range(n))
    assert all(len(set(row)) == k for row in members.tolist())
    assert int(members.max()) < n + n_public
    assert (shares > 0).all()
    assert (shares <= CAP).all()
    torch.testing.assert_close(shares.sum(1), torch.ones(n))


def test_of_two_neither_has_less_than_a_third() -> None:
    shares = draw_mix(torch.arange(1500), 2, stream(KEY)).shares
    assert shares.min() >= 1 - CAP - 1e-6
    assert shares.min() < 0.36
    assert abs(float(shares[:, 0].mean()) - 0.5) < 0.02


def test_shares_are_normals_until_they_are_drawn_again() -> None:
    """Of six faces one seldom has more than the cap, so the mean square is nearly that of |N|."""
    normal = torch.randn(20000, 6, generator=torch.Generator().manual_seed(0)).abs()
    expected = (normal / normal.sum(1, keepdim=True)).square().sum(1).mean()
    drawn = draw_mix(torch.arange(1500), 6, stream(KEY)).shares.square().sum(1).mean()
    torch.testing.assert_close(drawn, expected, rtol=0.03, atol=0)


def test_everyone_is_as_likely_a_partner() -> None:
    draw = stream(KEY)
    counts = torch.zeros(8, 16)
    for _ in range(300):
        others = draw_mix(torch.arange(8), 3, draw, n_public=8).members[:, 1:]
        counts.scatter_add_(1, others, torch.ones(8, 2))
    assert not counts.diagonal().any()
    frequencies = counts[~torch.eye(8, 16, dtype=torch.bool)] / 300
    assert float((frequencies - 2 / 15).abs().max()) < 0.09


def test_nobody_is_mixed_with_themselves_while_there_are_others() -> None:
    people = torch.tensor([0, 0, 0, 0, 1, 2])
    members = draw_mix(people, 3, stream(KEY)).members
    for row, own in zip(people[members].tolist(), people.tolist(), strict=True):
        assert row[0] == own
        assert row[1:].count(own) == 0
        assert len(set(row[1:])) == 2 or own != 0
    few = draw_mix(people, 5, stream(KEY)).members
    assert sorted(people[few[0]].tolist()) == [0, 0, 0, 1, 2]
    with_public = draw_mix(people, 5, stream(KEY), n_public=4).members
    assert (people[with_public[0].clamp(max=5)][with_public[0] < 6] == 0).sum() == 1


def test_faces_and_labels_are_mixed_alike() -> None:
    people, faces = torch.tensor([2, 0, 2, 1]), torch.randn(7, 3, 4, 4)
    mix = draw_mix(people, 3, stream(KEY), n_public=3)
    mixed, labels = mix.of(faces), mix.labels(people)
    for row, (members, shares) in enumerate(zip(*mix, strict=True)):
        by_hand = (faces[members] * shares[:, None, None, None]).sum(0)
        torch.testing.assert_close(mixed[row], by_hand)
        for member, share, person, weight in zip(
            members, shares, labels.people[row], labels.weight[row], strict=True
        ):
            if member < 4:
                assert person == people[member]
                assert weight == share
            else:
                assert weight == 0
    assert (labels.weight.sum(1) < 0.99).any()


def test_without_public_faces_labels_sum_to_one() -> None:
    labels = draw_mix(torch.arange(5), 4, stream(KEY)).labels(torch.arange(5))
    torch.testing.assert_close(labels.weight.sum(1), torch.ones(5))


def test_the_source_decides() -> None:
    one, same, other = (draw_mix(torch.arange(6), 3, stream(KEY, n)) for n in (1, 1, 2))
    assert torch.equal(one.members, same.members)
    assert torch.equal(one.shares, same.shares)
    assert not torch.equal(one.shares, other.shares)


def test_flipped_signs_keep_the_size() -> None:
    faces = torch.randn(2, 3, 5, 5)
    hidden = sign_flipped(faces, stream(KEY))
    assert torch.equal(hidden.abs(), faces.abs())
    assert 0.3 < float((hidden == faces).float().mean()) < 0.7


@pytest.mark.parametrize(("n", "k", "n_public"), [(4, 1, 0), (4, 5, 0), (2, 6, 3)])
def test_what_cannot_be_mixed_is_refused(n: int, k: int, n_public: int) -> None:
    with pytest.raises(UsageError, match=f"{k} faces cannot be mixed"):
        draw_mix(torch.arange(n), k, stream(KEY), n_public=n_public)
