"""The seam defences plug into, with the one that does nothing."""

from __future__ import annotations

import math

import torch
from torch import nn

from faceveil.training.defence import Labels, Undefended
from faceveil.training.margins import ArcFace, Head


def test_undefended_sees_the_pixels() -> None:
    masking = Undefended().build(8)
    images = torch.rand(4, 3, 8, 8)
    assert (masking.n_channels, masking.side_px) == (3, 8)
    torch.testing.assert_close(masking(images), 2 * images - 1)
    masked = masking.train_mask(images, torch.arange(4), seed=1)
    assert torch.equal(masked.inputs, masking(images))
    assert masked.labels.people.tolist() == [[0], [1], [2], [3]]
    assert masked.labels.weight.tolist() == [[1], [1], [1], [1]]
    backbone = nn.Flatten()
    assert masking.around(backbone, 192) is backbone
    head = Head(ArcFace(), 192, 4)
    losses, term = masking.judge(masked, backbone, head)
    assert torch.equal(losses, head(masked.inputs.flatten(1), masked.labels))
    assert term == 0
    assert Undefended().proved(100, 10, 5) == {}
    assert masking.learn(torch.rand(4), lambda: math.nan) == {}
    assert list(masking.parameters()) == []


def test_grey_is_one_channel_of_brightness() -> None:
    masking = Undefended("grey").build(8)
    images = torch.rand(2, 1, 8, 8).expand(2, 3, 8, 8)
    assert masking.n_channels == 1
    torch.testing.assert_close(masking(images), 2 * images[:, :1] - 1)


def test_hard_labels_are_one_person_each() -> None:
    assert Labels.hard(torch.tensor([3, 1])).people.shape == (2, 1)
