"""Claims: each figure the README states, as a record of who measured it, how, and how surely."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from decimal import Decimal
from pathlib import Path

from faceveil.bench.figure import Figure
from faceveil.bench.finished import Finished
from faceveil.core import config
from faceveil.core.config import Strict
from faceveil.core.errors import UsageError
from faceveil.io import atomic

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


def from_run(
    run: Finished, measure: str, at: Mapping[str, str], *, id: str, sentence: str, printed: str
) -> Claim:
    """The claim that a figure of a finished run allows.

    Args:
        run: where it was measured.
        measure: what the figure is, such as ``PSR@0.01``.
        at: where it stands in the run's tables; as much as tells it from the others.
        id: of the claim.
        sentence: what the README says.
        printed: the figure in it.

    Raises:
        UsageError: no figure stands there, or several; or the sentence does not state it.
    """
    figures = [one for one in run.figures if one.measure == measure]
    found = [one for one in figures if one.at.items() >= at.items()]
    if len(found) != 1:
        places = "; ".join(_place(one) for one in (found or figures)[:3]) or "none"
        raise UsageError(
            f"{run.folder}: {len(found)} figures of {measure} stand there; say with --at which. "
            f"There are, for example: {places}."
        )
    (figure,) = found
    value = figure.value
    notes = [
        f"{measure}: {_place(figure)}",
        "" if figure.clean is None else f"on clean pictures {figure.clean.mean:.2f}",
        figure.note,
    ]
    claim = Claim(
        id=id,
        sentence=sentence,
        printed=printed,
        reported_by="faceveil",
        measured=Measured(value.mean, value.n, value.low, value.high),
        command=run.command,
        footnote="; ".join(note for note in notes if note) + ".",
        date=run.date,
    )
    if faults := claim.faults():
        raise UsageError(" ".join(faults))
    return claim


def write(claim: Claim, folder: Path) -> Path:
    """Writes ``claim`` into ``folder`` under its id; the path."""
    path = folder / f"{claim.id}.json"
    record = config.plain(claim) | {"date": claim.date.isoformat()}
    text = json.dumps(record, indent=2, ensure_ascii=False) + "\n"
    atomic.write(path, text.encode(), overwrite=True)
    return path


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


def _place(figure: Figure) -> str:
    return ", ".join(f"{kind} {value}" for kind, value in figure.at.items())


def _flat(text: str) -> str:
    """The text on one line, as rendered Markdown reads."""
    return " ".join(text.split())
