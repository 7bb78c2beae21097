"""What every attack is: a frozen dataclass and one method to override."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import ClassVar, Literal, NamedTuple, final

from jaxtyping import Float
from torch import Tensor

from faceveil.core.config import Strict
from faceveil.core.errors import ModelError
from faceveil.inversion.problem import Problem
from faceveil.inversion.victim import Access, Victim

Threat = Literal[
    "label-only", "black-box", "white-box", "template", "masked inputs", "masked queries"
]
"""What the attacker holds: the recogniser's answers, less or more of them; the recogniser; and with
the recogniser, an embedding of each person, the masked faces of training, or those of queries."""


class Reconstruction(NamedTuple):
    """Faces an attack takes for the person's, the one it trusts most first.

    ``images`` are whole 8-bit steps in [0, 1]; ``confidence`` is the attack's own, in its own unit.
    """

    images: Float[Tensor, "n 3 s s"]
    confidence: Float[Tensor, " n"]


@dataclass(frozen=True)
class Attack(Strict, ABC):
    """A way to get faces back. The fields of a subclass are its whole configuration.

    A subclass overrides :meth:`reconstruct`. Calling the attack polices both ends: it is given what
    the threat allows and no more, and what comes back is ordered by the attack's own confidence.
    """

    name: ClassVar[str]
    """What it is called on the command line."""
    summary: ClassVar[str]
    """One line for the command line's help."""
    threat: ClassVar[Threat]
    """What the attacker holds."""

    @abstractmethod
    def reconstruct(self, problem: Problem) -> tuple[Float[Tensor, "n 3 s s"], Float[Tensor, " n"]]:
        """Candidates in [0, 1], and how much each is to be trusted; in any order."""

    def obstacle(self, victim: Victim) -> str | None:
        """Why the attack cannot be made on ``victim``, as a sentence; None if it can."""
        return None

    @final
    def __call__(self, problem: Problem) -> Reconstruction:
        """Candidates for one person.

        Raises:
            ModelError: the attack found nothing that is a picture.
        """
        allowed = replace(
            problem,
            victim=problem.victim.limited(access_of(self.threat)),
            template=problem.template if self.threat == "template" else None,
            leaked=problem.leaked if self.threat in {"masked inputs", "masked queries"} else None,
        )
        images, confidence = self.reconstruct(allowed)
        images, confidence = images.detach().cpu(), confidence.detach().cpu()
        if not (images.isfinite().all() and confidence.isfinite().all()):
            raise ModelError(
                f"{self.name}: the search for {problem.victim.people[problem.person]} ran into "
                "something that is no number; lower its lr."
            )
        order = confidence.argsort(descending=True, stable=True)
        return Reconstruction((255 * images[order].clamp(0, 1)).round() / 255, confidence[order])


def access_of(threat: Threat) -> Access:
    """How much the victim answers under ``threat``; who holds more than answers holds it all."""
    match threat:
        case "label-only" | "black-box":
            return threat
        case _:
            return "white-box"
