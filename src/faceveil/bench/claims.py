"""Claims: each figure the README states, as a record of who measured it, how, and how surely."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal
from pathlib import Path

from faceveil.core import config
from faceveil.core.config import Strict
from faceveil.core.errors import UsageError

_MARKER = re.compile(r"<!--\s*claim:\s*(?P<id>\S+?)\s*-->")
_PRINTED = re.compile(r"(?P<number>-?\d+(?:\.\d+)?|-?\.\d+)(?P<percent>\s?%)?")


@dataclass(frozen=True)
class Measured(Strict):
    """What the bench found: a mean of ``n`` trials with its 95 % interval."""

    mean: float
    n: int
    low: float
    high: float


@dataclass(frozen=True)
class Claim(Strict):
    """One figure of the README.

    Attributes:
        id: the name of its file and of its marker.
        sentence: what the README says, word for word, without markers.
        printed: the figure in that sentence, such as ``84 %`` or ``0.84``.
        reported_by: who says so: ``faceveil``, or the paper whose figure is repeated.
        measured: what was found here.
        command: what measures it again.
        footnote: what a reader must know to read it rightly.
        date: when it was measured.
    """

    id: str
    sentence: str
    printed: str
    reported_by: str
    measured: Measured
    command: str
    footnote: str
    date: Date

    def faults(self) -> list[str]:
        """What contradicts itself in this claim; nothing if it is sound."""
        found = []
        if self.printed not in self.sentence:
            found.append(f"claim {self.id}: its sentence does not say {self.printed!r}.")
        if not self.measured.low <= self.measured.mean <= self.measured.high:
            found.append(f"claim {self.id}: the mean lies outside its interval.")
        number = _PRINTED.fullmatch(self.printed)
        if number is None:
            return [
                *found,
                f"claim {self.id}: {self.printed!r} is no figure, such as 84 % or 0.84.",
            ]
        # The mean, rounded as the figure is printed, must be that figure.
        stated = Decimal(number["number"])
        mean = Decimal(str(self.measured.mean)) * (100 if number["percent"] else 1)
        unit = Decimal((0, (1,), int(stated.as_tuple().exponent)))
        if abs(mean - stated) > unit / 2:
            found.append(f"claim {self.id}: {self.printed} is not {self.measured.mean} rounded.")
        return found


def read_claims(folder: Path) -> list[Claim]:
    """The claims in a folder, one ``ID.json`` each.

    Raises:
        UsageError: a file is no claim, or not of the id in its name; it is named.
    """
    return [_read(path) for path in sorted(folder.glob("*.json"))]


def contradictions(claims: Sequence[Claim], readme: str) -> list[str]:
    """What README and claims do not agree on, a sentence each; nothing if all is well.

    A figure is claimed by the marker behind it: ``84 % <!-- claim: ID -->``.
    """
    found = [fault for claim in claims for fault in claim.faults()]
    plain, known = _flat(_MARKER.sub("", readme)), {claim.id for claim in claims}
    before: dict[str, list[str]] = {}
    for marker in _MARKER.finditer(readme):
        # What is before a marker, less the emphasis a figure may be set in.
        before.setdefault(marker["id"], []).append(_flat(readme[: marker.start()]).rstrip(" *_`"))
    found += [f"The README marks {name}, which is no claim." for name in before.keys() - known]
    for claim in claims:
        if claim.id not in before:
            found.append(f"claim {claim.id}: the README has no marker for it.")
        ends = re.compile(rf"(?<![\d.,]){re.escape(_flat(claim.printed))}$")
        if not all(ends.search(text) for text in before.get(claim.id, [])):
            found.append(f"claim {claim.id}: {claim.printed!r} does not stand before its marker.")
        if _flat(claim.sentence) not in plain:
            found.append(f"claim {claim.id}: the README does not say its sentence.")
    return found


def _read(path: Path) -> Claim:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{path}: cannot be read as a claim ({error}).") from None
    claim = config.build(Claim, values, where=str(path))
    if claim.id != path.stem:
        raise UsageError(f"{path}: holds the claim {claim.id}; call the file {claim.id}.json.")
    return claim


def _flat(text: str) -> str:
    """The text on one line, as rendered Markdown reads."""
    return " ".join(text.split())
