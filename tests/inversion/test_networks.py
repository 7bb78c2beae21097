"""Networks take and give faces of any side."""

from __future__ import annotations

import pytest
import torch

from faceveil.inversion.networks import Critic, Decoder, Encoder, PatchCritic, UNet, Upwards


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


@pytest.mark.parametrize("side", [16, 56, 112, 150])
def test_generators_critics_and_encoders_fit_a_side(side: int) -> None:
    with torch.no_grad():
        maps = Upwards(6, side, 1, width=16)(torch.randn(2, 6))
        faces = torch.rand(2, 3, side, side)
        assert Critic(side, 3, 4, width=8)(faces).shape == (2, 4)
        assert Encoder(side, 5)(faces).shape == (2, 5)
        assert PatchCritic(3, width=8)(faces).shape[:2] == (2, 1)
    assert maps.shape == (2, 1, side, side)
    assert maps.abs().max() < 0.1


def test_a_critics_scores_change_no_faster_than_faces() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        critic = Critic(16, 1, 1, width=8).train()
        for _ in range(20):  # each pass brings the norms nearer
            critic(torch.rand(1, 1, 16, 16))
        faces = torch.rand(50, 2, 1, 16, 16)
    critic.eval()
    with torch.no_grad():
        rise = (critic(faces[:, 0]) - critic(faces[:, 1])).abs()[:, 0]
    apart = 2 * (faces[:, 0] - faces[:, 1]).flatten(1).norm(dim=1)
    # A strided convolution's kernel is normalised, not the operator: 2 a layer at most.
    assert (rise <= 4 * apart).all()
