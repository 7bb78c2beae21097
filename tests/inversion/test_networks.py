"""Decoders and U-Nets give faces of any side from embeddings and grids of any size."""

from __future__ import annotations

import pytest
import torch

from faceveil.inversion.networks import Decoder, UNet


@pytest.mark.parametrize("side", [16, 56, 112, 150])
def test_a_decoder_gives_the_side_asked_for(side: int) -> None:
    with torch.no_grad():
        faces = Decoder(8, side, 1, width=16)(torch.randn(2, 8))
    assert faces.shape == (2, 1, side, side)
    assert 0 < faces.min() < faces.max() < 1


@pytest.mark.parametrize(("grid", "side"), [(7, 56), (14, 112), (16, 16), (28, 56), (25, 50)])
def test_a_unet_unfolds_grids(grid: int, side: int) -> None:
    with torch.no_grad():
        faces = UNet(5, grid, side, 3, width=8)(torch.randn(2, 5, grid, grid))
    assert faces.shape == (2, 3, side, side)
    assert 0 < faces.min() < faces.max() < 1


def test_faces_do_not_depend_on_their_company() -> None:
    inputs = torch.randn(3, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    network = UNet(4, 8, 16, 1, width=8).eval()
    with torch.no_grad():
        torch.testing.assert_close(network(inputs)[1:2], network(inputs[1:2]))
