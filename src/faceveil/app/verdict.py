"""What recognisers say of a veiled photo, face by face."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from faceveil.core.errors import UsageError

FARS = (0.01, 0.001, 0.0001)
"""The false accept rates every verdict is stated at."""

Role = Literal["held out", "surrogate", "unknown"]
"""Whether a recogniser took part in making the veil; unknown where no receipt says so."""

Outcome = Literal["unrecognised", "fragile", "recognised", "undecided"]
"""Matched by none; by none as written, but again after a treatment; matched; nobody can say."""


@dataclass(frozen=True)
class Match:
    """One recogniser's answer to: is the face in AFTER the person in BEFORE?

    ``similarity`` is the cosine of the two faces, None when no face was found in AFTER there;
    ``thresholds`` are the cosines at :data:`FARS`, None where the card is not calibrated.
    """

    recogniser: str
    role: Role
    similarity: float | None = None
    thresholds: tuple[float | None, ...] = (None,) * len(FARS)

    def __post_init__(self) -> None:
        if len(self.thresholds) != len(FARS):
            raise UsageError(
                f"a match must have {len(FARS)} thresholds, but that of {self.recogniser} has "
                f"{len(self.thresholds)}."
            )

    def threshold(self, far: float) -> float | None:
        """The cosine from which the recogniser takes two faces for one person."""
        return self.thresholds[FARS.index(far)]

    def matched(self, far: float) -> bool | None:
        """Whether the recogniser still takes the two for one person; None if it cannot say."""
        threshold = self.threshold(far)
        if threshold is None:
            return None
        return self.similarity is not None and self.similarity >= threshold


@dataclass(frozen=True)
class Condition:
    """The matches under one treatment of the written file, such as ``as written``, ``JPEG 75``."""

    name: str
    matches: tuple[Match, ...]

    @property
    def asked(self) -> tuple[tuple[str, Role], ...]:
        """The recognisers with their roles, in order."""
        return tuple((match.recogniser, match.role) for match in self.matches)


@dataclass(frozen=True)
class FaceVerdict:
    """One face of BEFORE: where it is (left, top, right, bottom in px) and what became of it.

    There is at least one condition, and the same recognisers are asked in all.
    """

    index: int
    box: tuple[float, float, float, float]
    conditions: tuple[Condition, ...]

    def __post_init__(self) -> None:
        if not self.conditions:
            raise UsageError("a verdict on a face must have at least one condition.")
        if len({condition.asked for condition in self.conditions}) > 1:
            raise UsageError("a verdict on a face must ask the same recognisers in all conditions.")


@dataclass(frozen=True)
class Verdict:
    """A pair of files judged.

    There is at least one face, and every face has the same conditions, the first as written, and
    is shown to the same recognisers.
    ``notes`` are sentences a reader must know to read the rest rightly.
    """

    before: str
    after: str
    faces: tuple[FaceVerdict, ...]
    notes: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.faces:
            raise UsageError("a verdict must have at least one face.")
        if len({tuple(each.name for each in face.conditions) for face in self.faces}) > 1:
            raise UsageError("a verdict must have the same conditions for every face.")
        if len({face.conditions[0].asked for face in self.faces}) > 1:
            raise UsageError("a verdict must ask the same recognisers about every face.")

    @property
    def conditions(self) -> tuple[str, ...]:
        """The names of the treatments, in order."""
        return tuple(condition.name for condition in self.faces[0].conditions)

    @property
    def judges(self) -> tuple[str, ...]:
        """Whose answers count: the held-out recognisers, or all of them if none was held out."""
        matches = self.faces[0].conditions[0].matches
        held_out = tuple(match.recogniser for match in matches if match.role == "held out")
        return held_out or tuple(match.recogniser for match in matches)

    def answers(self, condition: str) -> Iterator[tuple[FaceVerdict, Match]]:
        """What the judges say of each face under a treatment."""
        at, judges = self.conditions.index(condition), self.judges
        for face in self.faces:
            for match in face.conditions[at].matches:
                if match.recogniser in judges:
                    yield face, match

    def unrecognised(self, far: float = 0.01) -> bool:
        """Whether, as written, no judge matches any face, and at least one judge can say so."""
        answers = [match.matched(far) for _, match in self.answers(self.conditions[0])]
        return False in answers and True not in answers

    def outcome(self, far: float = 0.01) -> Outcome:
        """What the judges say of all faces under all treatments; see :data:`Outcome`."""
        as_written, *treated = (
            {match.matched(far) for _, match in self.answers(name)} for name in self.conditions
        )
        if True in as_written:
            return "recognised"
        if any(True in answers for answers in treated):
            return "fragile"
        return "unrecognised" if False in as_written else "undecided"


def record(verdict: Verdict) -> dict[str, Any]:
    """The verdict as what JSON holds; rates are keys such as ``"0.01"``, unknowns are null."""
    return {
        "before": verdict.before,
        "after": verdict.after,
        "outcome": verdict.outcome(),
        "judges": list(verdict.judges),
        "notes": list(verdict.notes),
        "faces": [
            {
                "index": face.index,
                "box": [round(side, 2) for side in face.box],
                "conditions": [
                    {"name": condition.name, "matches": [_match(m) for m in condition.matches]}
                    for condition in face.conditions
                ],
            }
            for face in verdict.faces
        ],
    }


def _match(match: Match) -> dict[str, Any]:
    return {
        "recogniser": match.recogniser,
        "role": match.role,
        "similarity": match.similarity,
        "thresholds": {f"{far:g}": t for far, t in zip(FARS, match.thresholds, strict=True)},
        "matched": {f"{far:g}": match.matched(far) for far in FARS},
    }
