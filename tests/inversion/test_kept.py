"""A network is trained once for its origin, in this process and in the next."""

from __future__ import annotations

from pathlib import Path

import torch
from torch import nn

from faceveil.inversion.kept import Kept


def build() -> nn.Linear:
    return nn.Linear(3, 2)


def test_it_is_trained_once_and_comes_back_frozen(tmp_path: Path) -> None:
    seeds = []

    def train(network: nn.Linear, seed: int) -> None:
        assert network.training
        seeds.append(seed)
        nn.init.constant_(network.bias, 4.0)

    state = torch.random.get_rng_state()
    kept = Kept(tmp_path, seed=1)
    first = kept.trained(build, train, "decoder", "faces", 3)
    for again in (kept, Kept(tmp_path, seed=1)):
        network = again.trained(build, train, "decoder", "faces", 3)
        assert torch.equal(network.weight, first.weight)
        assert network.bias.tolist() == [4.0, 4.0]
        assert not network.training
        assert not network.weight.requires_grad
    assert len(seeds) == 1
    assert len(list(tmp_path.iterdir())) == 1
    assert torch.equal(torch.random.get_rng_state(), state)
    (file,) = tmp_path.iterdir()
    file.write_bytes(file.read_bytes()[:20])
    network = Kept(tmp_path, seed=1).trained(build, train, "decoder", "faces", 3)
    assert torch.equal(network.weight, first.weight)
    assert len(seeds) == 2
    other = kept.trained(build, train, "decoder", "faces", 4)
    Kept(seed=2).trained(build, train, "decoder", "faces", 3)
    assert len(seeds) == 4
    assert len(set(seeds)) == 3
    assert not torch.equal(other.weight, first.weight)
