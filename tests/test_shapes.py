"""The tests execute the shapes that annotations state."""

from __future__ import annotations

import jaxtyping
import pytest
import torch

from faceveil.ops import treat


def test_a_wrong_shape_is_caught_wherever_a_test_meets_it() -> None:
    with pytest.raises(jaxtyping.TypeCheckError):
        treat.blur(torch.zeros(3, 8, 8), [1.0, 1.0, 1.0])


@pytest.mark.usefixtures("any_shape")
def test_unless_a_test_wants_to_see_it_refused() -> None:
    assert treat.blur(torch.zeros(3, 8, 8), [0.0, 0.0, 0.0]).shape == (3, 8, 8)
