"""How a tracker who collects veiled photos adapts a recogniser to them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from faceveil.app.settings import Settings
from faceveil.bench.learning import Faces, Names, Objective, Restored
from faceveil.bench.task import Arm
from faceveil.core.config import Strict
from faceveil.core.ranges import Count, Positive, PositiveShare
from faceveil.recognisers.recogniser import Recogniser


@dataclass(frozen=True, kw_only=True)
class Adaptation(Strict, ABC):
    """What the tracker knows and has, and how a recogniser is fine-tuned with it, all weights.

    Attributes:
        kind: which of the subclasses it is.
        people: whose photos the tracker has, as a selection.
        photos: of each of them, at most so many.
        steps: of fine-tuning.
        batch: photos a step.
        lr: Adam's learning rate, which falls to zero.
    """

    may_know_probes: ClassVar[bool]
    """Whether the tracker may have other photos of the people it is judged on."""

    kind: str
    people: str = ":40"
    photos: Count = 2
    steps: Count = 150
    batch: Count = 8
    lr: Positive = 1e-4

    @property
    def label(self) -> str:
        """What tables call it."""
        return f"{self.kind}, {self.steps} steps"

    @abstractmethod
    def arm(self, judged: Arm) -> Arm:
        """How the tracker's photos are veiled, where those it is judged on are by ``judged``."""

    @abstractmethod
    def objective(self, original: Recogniser, faces: Faces) -> Objective:
        """What ``original`` is to learn from ``faces``."""


@dataclass(frozen=True, kw_only=True)
class Unknowing(Adaptation):
    """The tracker has photos with names, does not know that some are veiled, and learns the names.

    Attributes:
        veiled: the share of the photos that are; of two photos a person, .5 veils one.
    """

    may_know_probes: ClassVar[bool] = True

    kind: Literal["unknowing"]
    veiled: PositiveShare = 0.5

    def arm(self, judged: Arm) -> Arm:
        """Whoever put the photos up veiled them likewise."""
        return judged

    def objective(self, original: Recogniser, faces: Faces) -> Objective:
        """The names."""
        return Names(original, faces, self.veiled)


@dataclass(frozen=True, kw_only=True)
class Knowing(Adaptation):
    """The tracker has faceveil, veils photos of other people, and learns to see through it.

    Attributes:
        settings: what differs from the veils judged, as tables method, budget, views and run; for
            example surrogates of its own, ``{run = {surrogates = ["dlib"]}}``.
    """

    may_know_probes: ClassVar[bool] = False

    kind: Literal["knowing"]
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)

    def arm(self, judged: Arm) -> Arm:
        """The same but for the tracker's own settings."""
        if not self.settings:
            return judged
        tables = judged.settings.plain()
        tables |= {name: tables.get(name, {}) | own for name, own in self.settings.items()}
        at = {**judged.at, "made by": f"the tracker, {self.label}"}
        return replace(judged, at=at, settings=Settings.build(tables))

    def objective(self, original: Recogniser, faces: Faces) -> Objective:
        """The pairs."""
        return Restored(original, faces)


AnyAdaptation = Annotated[Unknowing | Knowing, Field(discriminator="kind")]
"""Every kind there is; a new one is a subclass of :class:`Adaptation`, registered here."""
