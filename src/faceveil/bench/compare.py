"""Two runs side by side: what differs, and whether by more than chance.

Figures that stand at the same place in both are compared by their intervals. Where these overlap
nothing follows: each interval is as wide as people differ, and the same people are in both. So what
the runs hold of the same picture under the same arm is compared in pairs: the difference of B and A
on each picture, its mean, and a bootstrap interval over people, which tests whether that mean is
zero. Results hold damage and the cosine to the same person for every picture, so those are tested;
whether a cosine was below a threshold is not kept, so PSR and ranks are not.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import torch

from faceveil.bench.certainty import Span, span
from faceveil.bench.damage import MEASURES
from faceveil.bench.figure import Figure
from faceveil.bench.finished import Finished, Line
from faceveil.bench.tables import number
from faceveil.measures.rate import Rate, mean

LEAST_PEOPLE = 6
"""Of fewer, who all changed alike, not even a sign test could tell at 5 %."""


@dataclass(frozen=True)
class Pair:
    """A figure that stands in both runs."""

    measure: str
    at: Mapping[str, str]
    a: Rate
    b: Rate

    @property
    def difference(self) -> float:
        """B less A."""
        return self.b.mean - self.a.mean

    @property
    def overlap(self) -> bool:
        """Whether the intervals have a value in common."""
        a, b = (_ends(self.measure, rate) for rate in (self.a, self.b))
        return a.low <= b.high and b.low <= a.high


@dataclass(frozen=True)
class Paired:
    """B less A on the same pictures of ``n_people`` under the same arm, empty for as they are."""

    arm: str
    measure: str
    difference: Rate
    n_people: int

    @property
    def verdict(self) -> str:
        """``same``, ``cannot tell``, ``more`` or ``less``: of B, beside A."""
        low, high = self.difference.low, self.difference.high
        if low == high == 0:
            return "same"
        if low <= 0 <= high or self.n_people < LEAST_PEOPLE:
            return "cannot tell"
        return "more" if low > 0 else "less"


@dataclass(frozen=True)
class Comparison:
    """What two runs say beside each other; ``only_a`` and ``only_b`` stand in one of them."""

    a: str
    b: str
    pairs: tuple[Pair, ...]
    paired: tuple[Paired, ...]
    only_a: tuple[Figure, ...]
    only_b: tuple[Figure, ...]

    def record(self) -> dict[str, Any]:
        """The comparison as what JSON holds."""
        return {
            "a": self.a,
            "b": self.b,
            "figures": [
                {
                    **dataclasses.asdict(pair),
                    "difference": round(pair.difference, 5),
                    "overlap": pair.overlap,
                }
                for pair in self.pairs
            ],
            "paired": [{**dataclasses.asdict(one), "verdict": one.verdict} for one in self.paired],
            "only_a": [_named(figure) for figure in self.only_a],
            "only_b": [_named(figure) for figure in self.only_b],
        }


def compare(a: Finished, b: Finished, *, seed: int = 0) -> Comparison:
    """What changes from run ``a`` to run ``b``; ``seed`` is where the bootstrap begins."""
    in_a, in_b = _by_place(a.figures), _by_place(b.figures)
    return Comparison(
        a.name,
        b.name,
        tuple(
            Pair(figure.measure, dict(figure.at), figure.value, in_b[key].value)
            for key, figure in in_a.items()
            if key in in_b
        ),
        tuple(_paired(a.lines, b.lines, seed)),
        tuple(figure for key, figure in in_a.items() if key not in in_b),
        tuple(figure for key, figure in in_b.items() if key not in in_a),
    )


def text(found: Comparison) -> str:
    """The comparison for a terminal; what is equal in both runs is only counted."""
    lines = [f"A is {found.a}, B is {found.b}. Differences are B less A."]
    moved = [pair for pair in found.pairs if pair.a != pair.b]
    if moved:
        lines += ["", "Figures"]
        lines += _columns(
            [
                number(pair.a.mean),
                number(pair.b.mean),
                _plus(pair.difference),
                "intervals overlap" if pair.overlap else "intervals apart",
                pair.measure,
                _place(pair.at),
            ]
            for pair in moved
        )
    lines += ["", f"{len(found.pairs) - len(moved)} of {len(found.pairs)} figures are equal."]
    changed = [one for one in found.paired if one.verdict != "same"]
    if changed:
        lines += ["", "The same pictures in both, in pairs, with 95 % intervals over people"]
        lines += _columns(
            [
                _plus(one.difference.mean),
                f"{_plus(one.difference.low)} to {_plus(one.difference.high)}",
                f"{one.n_people} people",
                one.verdict,
                one.measure,
                one.arm or "pictures as they are",
            ]
            for one in changed
        )
        lines += [
            f"By chance alone about {len(changed) / 20:.0f} of these {len(changed)} would differ."
        ]
    if found.paired:
        n_same = len(found.paired) - len(changed)
        lines += ["", f"{n_same} of {len(found.paired)} are the same on every picture."]
    else:
        lines += ["", "No picture was judged under the same arm in both runs."]
    for name, figures in ((found.a, found.only_a), (found.b, found.only_b)):
        if figures:
            lines += ["", f"Only in {name}"]
            lines += _columns([figure.measure, _place(figure.at)] for figure in figures)
    return "\n".join(lines)


def _paired(a: Iterable[Line], b: Iterable[Line], seed: int) -> Iterator[Paired]:
    """Every value both runs hold of the same bytes, by arm and measure."""
    judged, others = ({(one.arm, one.picture): one for one in lines} for lines in (a, b))
    differences: dict[tuple[str, str], list[tuple[str, float]]] = {}
    for (arm, picture), line in judged.items():
        other = others.get((arm, picture))
        original, also = judged.get(("", picture)), others.get(("", picture))
        if other is None or original is None or also is None or original.sha256 != also.sha256:
            continue
        before, after = dict(_values(line)), dict(_values(other))
        for measure in (name for name in before if name in after):
            found = differences.setdefault((arm, measure), [])
            found.append((line.person, after[measure] - before[measure]))
    for (arm, measure), found in differences.items():
        people = [person for person, _ in found]
        values = torch.tensor([value for _, value in found], dtype=torch.float64)
        yield Paired(arm, measure, mean(values, people, seed=seed), len(set(people)))


def _values(line: Line) -> Iterator[tuple[str, float]]:
    for name, value in line.damage.items():
        yield MEASURES.get(name, name), value
    for victim, by_treatment in line.cosine.items():
        for treatment, cosine in by_treatment.items():
            if cosine is not None:
                yield f"cosine to the same person, {victim}, {treatment}", cosine


def _by_place(figures: Iterable[Figure]) -> dict[tuple[str, frozenset[tuple[str, str]]], Figure]:
    return {(one.measure, frozenset(one.at.items())): one for one in figures}


def _ends(measure: str, rate: Rate) -> Span:
    return span(measure, rate) or Span(rate.mean, rate.mean)


def _named(figure: Figure) -> dict[str, Any]:
    return {"measure": figure.measure, "at": dict(figure.at)}


def _place(at: Mapping[str, str]) -> str:
    return ", ".join(f"{kind} {value}" for kind, value in at.items())


def _plus(value: float) -> str:
    """A difference with its sign and enough places to see it."""
    return f"{value:+.3g}"


def _columns(rows: Iterable[list[str]]) -> list[str]:
    """Rows as lines, each column as wide as it must be."""
    table = list(rows)
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return [
        "  "
        + "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in table
    ]
