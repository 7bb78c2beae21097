"""What is left of a veil once a recogniser has been fine-tuned on veiled photos."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from faceveil.bench.accepted import true_accepts
from faceveil.bench.adaptation import Adaptation, AnyAdaptation, Knowing, Unknowing
from faceveil.bench.cast import Cast, cast
from faceveil.bench.figure import Figure
from faceveil.bench.lessons import Lesson
from faceveil.bench.protocol import Items, Plan
from faceveil.bench.protocols.psr import Psr
from faceveil.bench.task import Arm
from faceveil.core.errors import UsageError
from faceveil.core.ranges import Quality
from faceveil.data.open import open_pictures
from faceveil.data.pictures import Picture, Pictures


@dataclass(frozen=True, kw_only=True)
class Adapted(Psr):
    """PSR at FAR of recognisers as they are, and after trackers fine-tuned them on veiled photos.

    For every way to veil, each victim is adapted by each tracker to veils made that way, and its
    thresholds are found anew. Beside every PSR stands the same victim's on clean photos, and its
    TAR on the people to calibrate on: an adapted recogniser that no longer knows clean faces would
    prove nothing.

    The other fields are those of :class:`Psr`; without levels, methods keep their own budgets.

    Attributes:
        adaptations: the trackers, each with a kind (unknowing or knowing), people, photos, steps,
            batch and lr; the unknowing one with the share of its photos that are veiled, the
            knowing one with settings of its own. Nobody is adapted to and calibrated on.
    """

    name: ClassVar[str] = "adapted"
    summary: ClassVar[str] = "The same against recognisers fine-tuned on veiled photos."

    calibration: str = "40:150"
    methods: tuple[str, ...] = ("veil",)
    levels: tuple[Quality, ...] = ()
    adaptations: tuple[AnyAdaptation, ...] = (Unknowing(kind="unknowing"), Knowing(kind="knowing"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.thresholds:
            raise UsageError(f"{self.name}: an adapted recogniser has thresholds of its own.")
        if not self.leave_out:
            raise UsageError(f"{self.name}: only recognisers that are left out are adapted.")
        labels = [one.label for one in self.adaptations]
        if not labels or len(set(labels)) < len(labels):
            raise UsageError(
                f"{self.name}: name an adaptation, or several that differ in kind or steps."
            )

    def plan(self) -> Plan:
        """As for :class:`Psr`; before, each victim is adapted to every arm it is left out of."""
        plan = super().plan()
        arms = {task.arm.name: task.arm for task in plan.tasks if task.arm is not None}
        photos = {one.label: self._photos(one) for one in self.adaptations}
        lessons = [
            Lesson(
                _adapted(arm, one),
                arm.at["left out"],
                one,
                photos[one.label],
                one.arm(arm),
                self.seed,
            )
            for arm in arms.values()
            for one in self.adaptations
        ]
        return replace(plan, lessons=lessons)

    def judges(self, arm: Arm) -> Mapping[str, Mapping[str, str]]:
        """The recogniser as it is, and after each adaptation."""
        adapted = {_adapted(arm, one): {"adapted": one.label} for one in self.adaptations}
        return {arm.at["left out"]: {"adapted": "no"}, **adapted}

    def _photos(self, adaptation: Adaptation) -> tuple[Picture, ...]:
        """What a tracker learns from: never a picture it is judged on."""
        pictures = open_pictures(self.data)
        parts = cast(
            pictures, probes=self.probes, targets=self.targets, distractors=self.distractors
        )
        chosen = pictures.select(adaptation.people)
        self._check_apart(adaptation, chosen, pictures, parts)
        return tuple(
            picture
            for photos in chosen.by_person.values()
            for picture in [one for one in photos if one not in parts.probes][: adaptation.photos]
        )

    def _check_apart(
        self, adaptation: Adaptation, chosen: Pictures, pictures: Pictures, parts: Cast
    ) -> None:
        tracked = set(chosen.people)
        if shared := tracked & set(pictures.select(self.calibration).people):
            raise UsageError(
                f"{self.name}: {min(shared)} cannot be adapted to and calibrated on at once; "
                f"choose other people for {adaptation.kind} or for calibration."
            )
        judged = {picture.person for picture in (*parts.probes, *parts.targets, *parts.gallery)}
        if not adaptation.may_know_probes and (shared := tracked & judged):
            raise UsageError(
                f"{self.name}: {min(shared)} is judged, so the {adaptation.kind} tracker cannot "
                "learn from this person's photos; choose other people."
            )

    def _figures(
        self, parts: Cast, known: Sequence[Picture], arms: Sequence[Arm], items: Items
    ) -> list[Figure]:
        figures = super()._figures(parts, known, arms, items)
        pictures = items.usable(known)
        people = [picture.person for picture in pictures]
        for arm in arms:
            for victim, place in self.judges(arm).items():
                embeddings = items.embeddings(None, pictures, victim)
                at = {**arm.at, **place}
                figures += true_accepts(embeddings, people, self.fars, at=at, seed=self.seed)
        return figures


def _adapted(arm: Arm, adaptation: Adaptation) -> str:
    """The name of the victim that ``arm`` leaves out once it is adapted to ``arm``."""
    return f"{arm.name}, adapted {adaptation.label}"
