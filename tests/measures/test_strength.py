from __future__ import annotations

import pytest
import torch

from faceveil.measures.quality import ssim
from faceveil.measures.strength import strength_at
from faceveil.ops import warp


@pytest.fixture
def pictures() -> torch.Tensor:
    draw = torch.rand(2, 3, 20, 20, generator=torch.Generator().manual_seed(0))
    return 0.2 + 0.6 * warp.resize(draw, 120)


@pytest.fixture
def changes() -> torch.Tensor:
    draw = torch.rand(2, 3, 40, 40, generator=torch.Generator().manual_seed(1))
    return torch.tensor([0.3, 0.1]).view(2, 1, 1, 1) * (warp.resize(draw, 120) - 0.5)


@pytest.mark.parametrize("floor", [0.7, 0.9, 0.97])
def test_ssim_is_at_the_floor_where_it_says(
    pictures: torch.Tensor, changes: torch.Tensor, floor: float
) -> None:
    strength = strength_at(pictures, changes, floor)
    reached = ssim(pictures, pictures + strength.view(-1, 1, 1, 1) * changes)
    for share, value in zip(strength.tolist(), reached.tolist(), strict=True):
        assert share == 1 or value == pytest.approx(floor, abs=0.004)
        assert value >= floor - 0.004


def test_what_is_allowed_in_full_stays_full(pictures: torch.Tensor, changes: torch.Tensor) -> None:
    assert strength_at(pictures, changes / 100, 0.94).tolist() == [1, 1]
    assert strength_at(pictures, changes, 1.0).tolist() == pytest.approx([0, 0], abs=0.01)
