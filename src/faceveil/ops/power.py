"""Powers whose gradient stays finite."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def power(
    x: Float[Tensor, "*shape"], exponent: float | Float[Tensor, "*shape"]
) -> Float[Tensor, "*shape"]:
    """``x`` to a positive power; 0, with a gradient of 0, wherever ``x`` is not positive.

    The slope of a root is infinite at 0, and infinity times the 0 that comes back from a distance
    between equal pictures is not a number; here it is 0.
    """
    positive = x > 0
    return torch.where(positive, torch.where(positive, x, 1).pow(exponent), 0)
