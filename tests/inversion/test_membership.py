"""Members are told where the network remembers them, and guessing is .5."""

from __future__ import annotations

import pytest
import torch
from tests.conftest import tiny_recogniser
from torch import Tensor, nn

from faceveil.core.errors import UsageError
from faceveil.inversion import victim
from faceveil.inversion.membership import BatchNormDistance
from faceveil.inversion.stage import Stage
from faceveil.inversion.victim import Stolen, Victim

PEOPLE = [f"p{i % 5}" for i in range(30)]


def remembering(mean: float) -> Victim:
    """A victim whose one layer keeps the statistics of pictures as bright as ``mean``."""
    norm = nn.BatchNorm2d(3)
    norm.running_mean = torch.full((3,), mean)
    norm.running_var = torch.full((3,), 0.01)
    network = nn.Sequential(norm, nn.Flatten(), nn.Linear(3 * 64, 4)).eval()
    stolen = Stolen(network, torch.eye(4), 1.0, None)
    return Victim(stolen, name="norm", people=["a", "b", "c", "d"], size_px=8)


def pictures(brightness: float, n: int, seed: int) -> Tensor:
    draw = torch.Generator().manual_seed(seed)
    return (brightness + 0.1 * torch.randn(n, 1, 1, 1, generator=draw)).expand(n, 3, 8, 8)


def test_members_lie_nearer_to_what_is_remembered() -> None:
    attack = BatchNormDistance()
    told = attack(remembering(0.6), pictures(0.6, 30, 0), PEOPLE, pictures(0.2, 20, 1))
    assert told["AUC"].mean > 0.95
    assert told["TPR@0.1"].mean > 0.8
    assert told["AUC"].n == 30
    same = attack(remembering(0.4), pictures(0.4, 300, 0), PEOPLE * 10, pictures(0.4, 300, 1))
    assert same["AUC"].mean == pytest.approx(0.5, abs=0.06)
    assert same["TPR@0.1"].mean == pytest.approx(0.1, abs=0.06)
    equal = attack(remembering(0.4), pictures(0.4, 1, 0).expand(9, 3, 8, 8), PEOPLE[:9],
                   pictures(0.4, 1, 0).expand(10, 3, 8, 8))  # fmt: skip
    assert equal["AUC"].mean == 0.5


def test_each_photo_is_scored_by_itself(scene: Stage) -> None:
    photos = scene.private.photos
    scores = BatchNormDistance().scores(scene.victim, photos)
    alone = BatchNormDistance().scores(scene.victim, photos[3:4])
    torch.testing.assert_close(scores[3:4], alone)


def test_it_says_what_is_missing(scene: Stage) -> None:
    with pytest.raises(UsageError, match="train with held_out_photos of 1 or more"):
        BatchNormDistance()(scene.victim, scene.private.photos, scene.private.shown,
                            scene.held_out.photos[:0])  # fmt: skip
    few = BatchNormDistance()(scene.victim, scene.private.photos, scene.private.shown,
                              scene.held_out.photos[:3])  # fmt: skip
    assert list(few) == ["AUC"]
    enrolled = victim.of_recogniser(tiny_recogniser("ada"), scene.private.photos,
                                    scene.private.shown)  # fmt: skip
    assert "ada has none left" in (BatchNormDistance().obstacle(enrolled) or "")
    assert BatchNormDistance().obstacle(scene.victim) is None
