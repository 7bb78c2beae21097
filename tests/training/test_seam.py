"""What the loop promises a defence: prepared once, learning beside, resumed with all its state."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from tests.training.conftest import SIZE_PX, open_loop, run_loop, tiny_recipe
from torch import Tensor, nn

from faceveil.training import checkpoint, lines
from faceveil.training.checkpoint import CHECKPOINT
from faceveil.training.defence import Defence, Labels, Masked, Masking
from faceveil.training.journal import LOG


@dataclass(frozen=True)
class Everything(Defence):
    """Uses every part of the seam."""

    name: ClassVar[str] = "everything"
    summary: ClassVar[str] = "for tests"

    def build(self, size_px: int) -> Masking:
        return EverythingAtWork(size_px)


class EverythingAtWork(Masking):
    seeds: ClassVar[list[int]] = []
    mean: Tensor

    def __init__(self, size_px: int):
        super().__init__()
        self.n_channels, self.side_px = 3, size_px
        self.register_buffer("mean", torch.zeros(()))
        self.noise = nn.Parameter(torch.zeros(3, 1, 1))  # descends with the backbone
        self.policy = nn.Parameter(torch.zeros(2), requires_grad=False)
        self.optimiser = torch.optim.Adam([self.policy], lr=0.1)

    def prepare(self, batches: Iterable[Tensor]) -> None:
        self.mean += torch.cat(list(batches)).mean()

    def forward(self, images: Tensor) -> Tensor:
        return images - self.mean

    def train_mask(self, images: Tensor, people: Tensor, seed: int) -> Masked:
        self.seeds.append(seed)
        others = torch.randperm(len(people), generator=torch.Generator().manual_seed(seed))
        mixed = 0.7 * images + 0.3 * images[others]
        weight = torch.tensor([0.7, 0.3]).expand(len(people), 2)
        labels = Labels(torch.stack((people, people[others]), 1), weight)
        return Masked(self(mixed) + self.noise, labels)

    def around(self, backbone: nn.Module, embedding_size: int) -> nn.Module:
        return nn.Sequential(backbone, nn.Linear(embedding_size, embedding_size))

    def judge(self, masked: Masked, backbone: nn.Module, head: nn.Module) -> tuple[Tensor, Tensor]:
        embeddings = backbone(masked.inputs)
        return head(embeddings, masked.labels), 0.01 * embeddings.square().mean()

    def learn(self, losses: Tensor, held_out_loss: Callable[[], float]) -> dict[str, float]:
        self.policy.grad = torch.stack((losses.mean(), torch.tensor(held_out_loss())))
        self.optimiser.step()
        return {"policy": float(self.policy[0])}

    def get_extra_state(self) -> dict[str, Any]:
        return self.optimiser.state_dict()

    def set_extra_state(self, state: dict[str, Any]) -> None:
        self.optimiser.load_state_dict(state)


def test_a_defence_that_uses_all_of_it_can_be_stopped_anywhere(tmp_path: Path) -> None:
    recipe = tiny_recipe(defence=Everything(), ema=0.5, log_every=1)
    EverythingAtWork.seeds.clear()
    whole = run_loop(open_loop(recipe, tmp_path / "whole"))
    seeds = EverythingAtWork.seeds
    assert len(seeds) == len(set(seeds)) > 1  # every step draws anew
    for step in (1, 4, 8):
        run_loop(open_loop(recipe, tmp_path / f"{step}"), stop_at=step)
        run_loop(open_loop(recipe, tmp_path / f"{step}"))
        assert (tmp_path / f"{step}" / CHECKPOINT).read_bytes() == (
            tmp_path / "whole" / CHECKPOINT
        ).read_bytes()
    state = checkpoint.load(tmp_path / "whole" / CHECKPOINT)["learner"]
    assert state["network.masking.noise"].abs().min() > 0
    assert state["network.masking.policy"].max() < -0.5
    assert 0.3 < state["network.masking.mean"] < 0.7
    assert all("policy" in r for r in lines.read(tmp_path / "whole" / LOG) if "loss" in r)
    images = torch.rand(2, 3, SIZE_PX, SIZE_PX)
    network = whole.network.eval()
    expected = network.backbone(images - state["network.masking.mean"])
    torch.testing.assert_close(network(images), expected)
