"""Backbones: the published sizes, and any input."""

from __future__ import annotations

import pytest
import torch

from faceveil.training.backbones.backbone import Backbone, last_side_px, strides
from faceveil.training.backbones.ir import Ir18, Ir50
from faceveil.training.backbones.mobilefacenet import MobileFaceNet


@pytest.mark.parametrize(
    ("backbone", "expected"),
    [
        (Ir18(), 24_025_600),  # InsightFace's iresnet18
        (Ir50(), 43_590_848),  # and iresnet50, "43.59M"
        (MobileFaceNet(embedding_size=512), 1_200_512),
        (MobileFaceNet(), 1_003_136),  # the paper: 0.99 million
    ],
)
def test_numbers_of_parameters_are_the_published_ones(backbone: Backbone, expected: int) -> None:
    with torch.device("meta"):
        network = backbone.build(3, 112)
    assert sum(parameter.numel() for parameter in network.parameters()) == expected


@pytest.mark.parametrize("side_px", [6, 14, 24, 28, 56, 112, 113])
def test_any_side_leaves_a_map_of_some_size(side_px: int) -> None:
    assert 5 <= last_side_px(side_px) <= 9 or last_side_px(side_px) == side_px
    assert list(strides(side_px)) == sorted(strides(side_px), reverse=True)


@pytest.mark.parametrize("backbone", [Ir18(32), MobileFaceNet(32)])
@pytest.mark.parametrize(("n_channels", "side_px"), [(1, 14), (36, 28), (189, 14)])
def test_any_number_of_channels_and_any_side_will_do(
    backbone: Backbone, n_channels: int, side_px: int
) -> None:
    network = backbone.build(n_channels, side_px).eval()
    found = network(torch.rand(2, n_channels, side_px, side_px))
    assert found.shape == (2, 32)
    assert not torch.equal(found[0], found[1])


def test_dropout_only_trains() -> None:
    network = Ir18(8, dropout=0.5).build(1, 8)
    x = torch.rand(4, 1, 8, 8)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))
