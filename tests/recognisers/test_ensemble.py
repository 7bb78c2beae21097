from __future__ import annotations

import math

import pytest
import torch

from faceveil.core.errors import UsageError
from faceveil.recognisers.card import Card, Crop
from faceveil.recognisers.ensemble import Ensemble
from faceveil.recognisers.recogniser import Recogniser

TEMPLATE = ((5.0, 6.0), (11.0, 6.0), (8.0, 9.0), (6.0, 12.0), (10.0, 12.0))


def recogniser(name: str, embedding_size: int = 4) -> Recogniser:
    crop = Crop(16, TEMPLATE, "rgb", (127.5,) * 3, (128.0,) * 3)
    card = Card(name, name, "MIT", "here", f"{name}.onnx", "0" * 64, embedding_size, crop)
    with torch.random.fork_rng():
        torch.manual_seed(len(name))
        network = torch.nn.Sequential(
            torch.nn.Flatten(), torch.nn.Linear(3 * 16 * 16, embedding_size)
        )
    return Recogniser(card, network)


def test_weights_sum_to_one_and_are_equal_unless_given() -> None:
    members = [recogniser("a"), recogniser("bb")]
    assert Ensemble(members).weights == (0.5, 0.5)
    assert Ensemble(members, [1, 3]).weights == (0.25, 0.75)
    assert Ensemble(members, [1, 3]).weight_by_name == {"a": 0.25, "bb": 0.75}


def test_every_member_sees_the_same_faces() -> None:
    members = [recogniser("a"), recogniser("bb", 7)]
    patches = torch.rand(3, 3, 20, 20)
    landmarks = torch.tensor(TEMPLATE).expand(3, 5, 2)
    jitter = torch.tensor([[0.9, 0.1, 0.05], [-0.1, 0.9, 0.0]]).expand(3, 2, 3)
    seen = Ensemble(members)(patches, landmarks, jitter)
    assert list(seen) == ["a", "bb"]
    assert seen["bb"].shape == (3, 7)
    for member in members:
        assert torch.equal(seen[member.name], member(patches, landmarks, jitter))


def test_nobody_and_the_same_one_twice_are_refused() -> None:
    for members in ([], [recogniser("a"), recogniser("a")]):
        with pytest.raises(UsageError, match="recognisers that differ"):
            Ensemble(members)


@pytest.mark.parametrize(
    "weights", [[1.0], [1.0, 0.0], [1.0, -1.0], [1.0, 2.0, 3.0], [1.0, math.nan], [1, math.inf], []]
)
def test_weights_that_do_not_fit_are_refused(weights: list[float]) -> None:
    with pytest.raises(UsageError, match="as many positive weights"):
        Ensemble([recogniser("a"), recogniser("bb")], weights)
