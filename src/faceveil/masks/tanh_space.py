"""Pictures as numbers without bounds: x = (1 + tanh w) / 2 (Carlini and Wagner, S&P 2017)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

_INSIDE = 1 - 1e-6
"""Black and white are moved inwards this much: their w would be infinite."""


def picture(w: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The picture of ``w``, within [0, 1] whatever ``w`` is."""
    return (1 + torch.tanh(w)) / 2


def inverse(x: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """The w of the picture ``x`` in [0, 1]."""
    return torch.atanh(_INSIDE * (2 * x - 1))
