"""A budget refuses limits that mean nothing."""

from __future__ import annotations

import pytest

from faceveil.core.budget import Budget
from faceveil.core.errors import UsageError


@pytest.mark.parametrize(
    "limits", [{"eps": 0}, {"eps": 256}, {"l2": 0}, {"l2": 300}, {"ssim": 1.1}, {"ssim": -0.1}]
)
def test_senseless_limits_are_refused_by_name(limits: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"budget.{next(iter(limits))}"):
        Budget(**limits)  # type: ignore[arg-type]


def test_the_default_is_the_papers() -> None:
    assert Budget().eps == 12
