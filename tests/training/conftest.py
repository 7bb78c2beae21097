"""A small backbone, faces drawn in memory, and runs of a few steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from torch import nn

from faceveil.training.backbones.backbone import Backbone
from faceveil.training.batches import Batches
from faceveil.training.crops import Crops
from faceveil.training.distributed import open_fabric
from faceveil.training.evaluate import Examination
from faceveil.training.loop import Loop
from faceveil.training.optimisers import Sgd
from faceveil.training.recipe import Recipe
from faceveil.training.split import split

N_PEOPLE, N_PHOTOS, SIZE_PX = 6, 6, 16


@dataclass(frozen=True)
class Tiny(Backbone):
    """One convolution, normalisation and dropout: everything a run has to carry along."""

    name: ClassVar[str] = "tiny"

    embedding_size: int = 8
    dropout: float = 0.1
    norm: bool = True

    def build(self, n_channels: int, side_px: int) -> nn.Module:
        side = (side_px - 5) // 3 + 1
        return nn.Sequential(
            nn.Conv2d(n_channels, 6, 5, stride=3),
            nn.BatchNorm2d(6) if self.norm else nn.Identity(),
            nn.PReLU(6),
            nn.Dropout(self.dropout),
            nn.Flatten(),
            nn.Linear(6 * side * side, self.embedding_size),
        )


def tiny_recipe(**fields: Any) -> Recipe:
    """Nine steps on six people, with everything noted and kept every third."""
    usual: dict[str, Any] = {
        "data": "people",
        "name": "tiny",
        "alignment": "aligned",
        "size_px": SIZE_PX,
        "epochs": 3,
        "batch": 8,
        "log_every": 2,
        "evaluate_every": 3,
        "checkpoint_every": 3,
        "backbone": Tiny(),
        "optimiser": Sgd(lr=0.02),
    }
    return Recipe(**{**usual, **fields})


def drawn_crops(n_people: int = N_PEOPLE, n_photos: int = N_PHOTOS) -> Crops:
    """People who are blots, and photos of them that are grainy."""
    draw = np.random.default_rng(0)
    blots = draw.normal(128, 50, (n_people, 1, 4, 4, 3)).repeat(4, 2).repeat(4, 3)
    pixels = blots + draw.normal(0, 20, (n_people, n_photos, SIZE_PX, SIZE_PX, 3))
    people = [f"p{person}" for person in range(n_people) for _ in range(n_photos)]
    return Crops(
        tuple(f"{person}/{i % n_photos}.png" for i, person in enumerate(people)),
        tuple(people),
        pixels.clip(0, 255).astype(np.uint8).reshape(-1, SIZE_PX, SIZE_PX, 3),
        (),
    )


def open_loop(recipe: Recipe, folder: Path, crops: Crops | None = None) -> Loop:
    """A run in ``folder``, gone on with if it holds a checkpoint."""
    crops = crops or drawn_crops()
    parts = split(
        crops.people,
        held_out_people=recipe.held_out_people,
        held_out_photos=recipe.held_out_photos,
    )
    fabric = open_fabric("cpu", recipe.precision)
    fabric.launch()
    batches = Batches(recipe, crops, parts, fabric.global_rank, fabric.world_size)
    folder.mkdir(parents=True, exist_ok=True)
    return Loop(recipe, batches, Examination(crops, parts), folder, fabric)


def run_loop(loop: Loop, stop_at: int | None = None) -> Loop:
    """Run it to its end, or until a Ctrl-C after ``stop_at`` steps."""

    def advance(n: float) -> None:
        if loop.step == stop_at:
            raise KeyboardInterrupt

    try:
        loop.run(advance, lambda line: None)
    except KeyboardInterrupt:
        assert loop.step == stop_at
    return loop


@pytest.fixture
def crops() -> Crops:
    return drawn_crops()


@pytest.fixture
def recipe() -> Callable[..., Recipe]:
    return tiny_recipe
