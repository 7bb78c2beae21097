"""What success means: to be taken for nobody one was (dodge), for someone else, or both."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

GoalName = Literal["both", "dodge", "impersonate"]
"""What settings call a goal."""


class Goal(ABC):
    """What a veiled face's embedding should be near to, and far from.

    Goals combine with ``&``: ``Dodge() & Impersonate(people)`` is TIP-IM's.
    """

    @abstractmethod
    def losses(
        self, recogniser: str, embedding: Float[Tensor, "*n b d"], source: Float[Tensor, "b d"]
    ) -> Float[Tensor, "*n b t"]:
        """A loss for each face and each way to reach the goal (each target); lower is better.

        Args:
            recogniser: whose embeddings these are.
            embedding: unit vectors of the veiled faces.
            source: unit vectors of the same faces unveiled.
        """

    @property
    @abstractmethod
    def targets(self) -> Mapping[str, Tensor] | None:
        """The people to be taken for: unit vectors ``t d`` by recogniser name; None for nobody."""

    @abstractmethod
    def met(self, to_source: float, to_targets: float | None, threshold: float) -> bool:
        """Whether a recogniser with this threshold is misled.

        Args:
            to_source: cosine of the veiled face to the person.
            to_targets: cosine to the nearest target, None without targets.
            threshold: the cosine from which the recogniser calls two faces one person.
        """

    def __and__(self, other: Goal) -> Goal:
        return Both(self, other)


@dataclass(frozen=True)
class Dodge(Goal):
    """Be taken for somebody else, no matter whom."""

    def losses(
        self, recogniser: str, embedding: Float[Tensor, "*n b d"], source: Float[Tensor, "b d"]
    ) -> Float[Tensor, "*n b 1"]:
        """Minus the squared distance to the source."""
        return -squared_distance(embedding, source).unsqueeze(-1)

    @property
    def targets(self) -> None:
        """Nobody in particular."""
        return

    def met(self, to_source: float, to_targets: float | None, threshold: float) -> bool:
        """The person is not matched."""
        return to_source < threshold


@dataclass(frozen=True)
class Impersonate(Goal):
    """Be taken for one of ``people``: unit vectors ``t d`` by recogniser name.

    ``weight`` is how much that counts beside another goal (TIP-IM: 1).
    """

    people: Mapping[str, Tensor]
    weight: float = 1.0

    def losses(
        self, recogniser: str, embedding: Float[Tensor, "*n b d"], source: Float[Tensor, "b d"]
    ) -> Float[Tensor, "*n b t"]:
        """The weighted squared distance to each target."""
        return self.weight * squared_distance(embedding.unsqueeze(-2), self.people[recogniser])

    @property
    def targets(self) -> Mapping[str, Tensor]:
        """The people."""
        return self.people

    def met(self, to_source: float, to_targets: float | None, threshold: float) -> bool:
        """A target is matched."""
        return to_targets is not None and to_targets >= threshold


@dataclass(frozen=True)
class Both(Goal):
    """Two goals at once; their losses add up."""

    first: Goal
    second: Goal

    def losses(
        self, recogniser: str, embedding: Float[Tensor, "*n b d"], source: Float[Tensor, "b d"]
    ) -> Float[Tensor, "*n b t"]:
        """The sum of both goals' losses."""
        return self.first.losses(recogniser, embedding, source) + self.second.losses(
            recogniser, embedding, source
        )

    @property
    def targets(self) -> Mapping[str, Tensor] | None:
        """The first goal's, or else the second's."""
        return self.first.targets or self.second.targets

    def met(self, to_source: float, to_targets: float | None, threshold: float) -> bool:
        """Both goals are met."""
        return self.first.met(to_source, to_targets, threshold) and self.second.met(
            to_source, to_targets, threshold
        )


def squared_distance(a: Float[Tensor, "*n d"], b: Float[Tensor, "*n d"]) -> Float[Tensor, "*n"]:
    """D(a, b) = ||a - b||^2, summed over the embedding's dimensions as in TIP-IM."""
    return (a - b).square().sum(dim=-1)
