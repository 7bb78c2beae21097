"""Batches: what a step sees follows from the seed and the step alone."""

from __future__ import annotations

from itertools import chain

import pytest
import torch
from tests.training.conftest import drawn_crops, tiny_recipe

from faceveil.core.errors import UsageError
from faceveil.training.batches import Batches, Part
from faceveil.training.crops import Crops
from faceveil.training.split import split


def batches(
    process: int = 0, n_processes: int = 1, public: Crops | None = None, **fields: object
) -> Batches:
    crops = drawn_crops()
    parts = split(crops.people, held_out_people="", held_out_photos=2)
    return Batches(tiny_recipe(**fields), crops, parts, process, n_processes, public)


def same(one: Part, other: Part) -> bool:
    return torch.equal(one.pixels, other.pixels) and one.seeds == other.seeds


def test_an_epoch_shows_every_photo_once_in_another_order_each_time() -> None:
    every = list(batches().from_step(0))
    assert len(every) == batches().n_steps == 9
    epochs = [torch.cat([p.pixels for parts in every[at : at + 3] for p in parts]) for at in (0, 3)]
    assert not torch.equal(*epochs)
    found = [sorted(map(bytes, epoch.numpy())) for epoch in epochs]
    trained = drawn_crops().take(batches().split.train).numpy()
    assert found[0] == found[1] == sorted(map(bytes, trained))


def test_labels_say_who_is_shown() -> None:
    ((part,), *_) = batches().from_step(0)
    people = [
        drawn_crops().people[int((drawn_crops().pixels == crop.numpy()).all((1, 2, 3)).argmax())]
        for crop in part.pixels.permute(0, 2, 3, 1)
    ]
    assert [f"p{label}" for label in part.people.tolist()] == people


def test_going_on_at_a_step_is_as_if_one_had_never_stopped() -> None:
    every = list(batches().from_step(0))
    rest = list(batches().from_step(5))
    assert len(rest) == 4
    pairs = zip(every[5:], rest, strict=True)
    assert all(same(one, other) for (one,), (other,) in pairs)
    assert list(batches().from_step(9)) == []


def test_processes_and_parts_share_out_what_one_would_see() -> None:
    (whole,) = next(batches().from_step(0))
    shares = [next(batches(i, 2, accumulate=2).from_step(0)) for i in range(2)]
    assert [len(parts) for parts in shares] == [2, 2]
    seeds = [seed for parts in shares for part in parts for seed in part.seeds]
    assert sorted(seeds) == sorted(whole.seeds)


def test_public_crops_stand_behind_the_others_and_change_every_epoch() -> None:
    public = drawn_crops(9)
    alone, mixed = list(batches().from_step(0)), list(batches(public=public).from_step(0))
    known = set(map(bytes, public.pixels))
    drawn = []
    for (one,), (both,) in zip(alone, mixed, strict=True):
        n = len(one.people)
        assert torch.equal(both.people, one.people)
        assert torch.equal(both.pixels[:n], one.pixels)
        assert both.seeds[:n] == one.seeds
        assert len(both.pixels) == len(both.seeds) == 2 * n
        drawn.append([bytes(crop.numpy()) for crop in both.pixels[n:].permute(0, 2, 3, 1)])
        assert set(drawn[-1]) <= known
    first, second = (sorted(chain(*drawn[at : at + 3])) for at in (0, 3))
    assert first != second
    rest = list(batches(public=public).from_step(7))
    pairs = zip(mixed[7:], rest, strict=True)
    assert all(same(one, other) for (one,), (other,) in pairs)


@pytest.mark.parametrize(
    ("fields", "n_processes", "said"),
    [
        ({"batch": 25}, 1, "A batch of 25 is more than the 24 photos"),
        ({"batch": 9}, 2, "A batch of 9 cannot be shared out in 2 equal parts"),
        ({"batch": 8, "accumulate": 8}, 1, "8 equal parts of two or more"),
    ],
)
def test_unsuitable_batches_are_refused(
    fields: dict[str, object], n_processes: int, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        batches(0, n_processes, **fields)
