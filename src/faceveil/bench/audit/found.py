"""What came of an audit: a line for everything measured of one recogniser."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from faceveil.bench.certainty import span
from faceveil.core.config import Strict
from faceveil.measures.rate import Rate

Kind = Literal["recognition", "attack", "membership", "floor", "ceiling", "left out"]

GIVEN_AWAY = ("Acc@1", "NN@1")
"""By which attacks are ranked: the judge knows the person again, or a training photo is found."""

QUERIES = ("template", "masked queries")
"""Threats to what the finished recogniser is shown; all others are to what it was trained on."""


@dataclass(frozen=True)
class Found(Strict):
    """One line of an audit's ``results.jsonl``.

    Attributes:
        defence: label of the recogniser's.
        seed: it was trained and attacked with.
        kind: how well it recognises; what an attack recovered; whether it told members; the same
            of one who knows nothing; of real photos; or an attack that could not be made.
        what: the attack, floor or ceiling.
        threat: what the attacker holds.
        figures: by measure.
        reason: why it was left out.
    """

    defence: str
    seed: int
    kind: Kind
    what: str
    threat: str = ""
    figures: dict[str, Rate] = field(default_factory=dict)
    reason: str = ""


def recognition(defence: str, seed: int, record: Mapping[str, Any]) -> Found:
    """What a run of training says of photos of the people it knows, held out from it."""
    prefix = "photos/"
    figures = {
        name.removeprefix(prefix): Rate(**figure)
        for name, figure in record.items()
        if name.startswith(prefix)
    }
    return Found(defence, seed, "recognition", "held-out photos", figures=figures)


def given_away(defence: str, seed: int, record: Mapping[str, Any]) -> Iterator[Found]:
    """What an inversion found, and what it could not try."""
    for outcome in record["outcomes"]:
        figures = {name: Rate(**figure) for name, figure in outcome["figures"].items()}
        title, threat = outcome["title"], outcome["threat"]
        match threat:
            case "floor" | "ceiling":
                yield Found(defence, seed, threat, title, figures=figures)
            case _ if "Acc@1" not in figures:
                yield Found(defence, seed, "membership", title, threat, figures)
            case _ if outcome["victim"] != defence:
                yield Found(defence, seed, "floor", f"{title}, nothing learnt", threat, figures)
            case _:
                yield Found(defence, seed, "attack", title, threat, figures)
    for name, reason in record["left_out"].items():
        yield Found(defence, seed, "left out", name, reason=reason)


def pooled(measure: str, rates: Iterable[Rate]) -> Rate:
    """The mean over seeds of what was measured on the same people with each.

    The ends of the interval are means too, as if no seed told anything that another does not: it
    is as wide as people differ, since more seeds are not more people. A share that was 0 or 1 with
    one seed alone has the ends of :func:`~faceveil.bench.certainty.span` there. ``n`` counts all
    trials, ``people`` each once.
    """
    some = list(rates)
    alike = len({rate.mean for rate in some}) == 1
    spans = [rate if alike else span(measure, rate) or rate for rate in some]
    n = len(some)
    return Rate(
        sum(rate.mean for rate in some) / n,
        sum(rate.n for rate in some),
        sum(one.low for one in spans) / n,
        sum(one.high for one in spans) / n,
        some[0].people,
    )
