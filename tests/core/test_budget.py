"""A budget refuses limits that mean nothing."""

from __future__ import annotations

import pytest

from faceveil.core.budget import DAMAGE, Budget, damage_limits
from faceveil.core.errors import UsageError


@pytest.mark.parametrize(
    "limits",
    [
        {"eps": 0},
        {"eps": 256},
        {"l2": 0},
        {"l2": 300},
        {"ssim": 1.1},
        {"ssim": -0.1},
        {"flip": 1.5},
        {"spot": -1},
    ],
)
def test_senseless_limits_are_refused_by_name(limits: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"budget: {next(iter(limits))}"):
        Budget(**limits)  # type: ignore[arg-type]


def test_the_default_is_the_papers() -> None:
    assert Budget().eps == 12


def test_more_damage_means_looser_limits() -> None:
    low, medium, high = (damage_limits(DAMAGE[name]) for name in ("low", "medium", "high"))
    assert medium == {"ssimulacra2": 70, "flip": 0.03, "spot": 0.3}
    assert low["ssimulacra2"] > medium["ssimulacra2"] > high["ssimulacra2"]
    assert low["flip"] < medium["flip"] < high["flip"]
    assert low["spot"] < medium["spot"] < high["spot"]


@pytest.mark.parametrize("damage", [0, -1, 101])
def test_damage_out_of_range_is_refused(damage: float) -> None:
    with pytest.raises(UsageError, match="Visible damage"):
        damage_limits(damage)
