"""Augmentation: per photo, repeatable, within its bounds."""

from __future__ import annotations

from dataclasses import fields, replace

import torch
from torch import Tensor

from faceveil.training.augment import Augment

NOTHING = Augment(**{field.name: 0.0 for field in fields(Augment)})


def faces(n: int = 3) -> Tensor:
    draw = torch.Generator().manual_seed(0)
    smooth = torch.rand(n, 3, 4, 4, generator=draw) * 255
    return torch.nn.functional.interpolate(smooth, 24, mode="bilinear").to(torch.uint8)


def test_nothing_asked_for_changes_nothing() -> None:
    assert torch.equal(NOTHING(faces(), [1, 2, 3]), faces())


def test_each_photo_follows_its_own_seed() -> None:
    augment, images = Augment(), faces()
    together = augment(images, [5, 6, 7])
    assert not torch.equal(together, images)
    assert torch.equal(together[1:2], augment(images[1:2], [6]))
    assert not torch.equal(together[1:2], augment(images[1:2], [8]))


def test_flip_is_a_mirror() -> None:
    images = faces()
    flipped = replace(NOTHING, flip=1.0)(images, [1, 2, 3])
    assert torch.equal(flipped, images.flip(3))


def test_shift_moves_by_at_most_its_share() -> None:
    line = torch.zeros(64, 3, 20, 20, dtype=torch.uint8)
    line[:, :, :, 10] = 255
    shifted = replace(NOTHING, shift=0.1)(line, range(64)).float()
    places = (shifted * torch.arange(20.0)).sum((1, 2, 3)) / shifted.sum((1, 2, 3))
    assert 8 <= places.min() < 9
    assert 11 < places.max() <= 12


def test_grey_stays_grey_and_light_keeps_its_bounds() -> None:
    grey = faces()[:, :1].expand(-1, 3, -1, -1)
    changed = Augment()(grey, [1, 2, 3])
    assert torch.equal(changed[:, 0], changed[:, 1])
    assert torch.equal(changed[:, 0], changed[:, 2])
    flat = torch.full((200, 3, 8, 8), 100, dtype=torch.uint8)
    light = replace(NOTHING, brightness=0.2, contrast=0.5, saturation=0.5)
    lit = light(flat, range(200)).float()
    assert 79 <= lit.min() < 85
    assert 115 < lit.max() <= 121
