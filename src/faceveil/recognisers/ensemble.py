"""Several recognisers looked at as one: embeddings by name, and how much each counts."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.errors import UsageError
from faceveil.recognisers.recogniser import Recogniser

Embeddings = dict[str, Tensor]
"""Unit vectors ``b d`` by recogniser name; ``d`` differs between recognisers."""


class Ensemble:
    """Recognisers with weights that sum to one.

    Raises:
        UsageError: no recogniser, one twice, or weights that are not one positive number for each.
    """

    def __init__(self, members: Sequence[Recogniser], weights: Sequence[float] | None = None):
        names = [member.name for member in members]
        if not members or len(set(names)) != len(names):
            raise UsageError(f"An ensemble needs recognisers that differ, got {names}.")
        weights = [1.0] * len(members) if weights is None else list(weights)
        if len(weights) != len(members) or not all(0 < w < math.inf for w in weights):
            raise UsageError(
                f"{len(members)} recognisers need as many positive weights: {weights}."
            )
        self.members = tuple(members)
        self.weights = tuple(weight / sum(weights) for weight in weights)

    @property
    def names(self) -> tuple[str, ...]:
        """The members' names, in order."""
        return tuple(member.name for member in self.members)

    @property
    def device(self) -> torch.device:
        """Where the members lie."""
        return self.members[0].device

    @property
    def weight_by_name(self) -> dict[str, float]:
        """How much each member counts; the weights sum to one."""
        return dict(zip(self.names, self.weights, strict=True))

    def __call__(
        self,
        patches: Float[Tensor, "b 3 h w"],
        landmarks: Float[Tensor, "b 5 2"],
        jitter: Float[Tensor, "b 2 3"] | None = None,
    ) -> Embeddings:
        """Every member's embeddings of the same faces; see :meth:`Recogniser.align`."""
        return {member.name: member(patches, landmarks, jitter) for member in self.members}
