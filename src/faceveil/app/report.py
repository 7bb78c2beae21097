"""The report: one HTML file that shows what a veil changed and what recognisers say of it."""

from __future__ import annotations

import base64
import dataclasses
import functools
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Template

from faceveil.app import pictures, sentences
from faceveil.app.page import template
from faceveil.app.pictures import Pixels, Trio
from faceveil.app.verdict import FARS, FaceVerdict, Match, Outcome, Role, Verdict

BADGES: dict[Outcome, str] = {
    "unrecognised": "Not recognised",
    "fragile": "Recognised after a treatment",
    "recognised": "Still recognised",
    "undecided": "No verdict",
}

HEADINGS: dict[Role, tuple[str, str]] = {
    "held out": (
        "Held out: the evidence",
        "These took no part in making the veil, like the recognisers you will never meet.",
    ),
    "unknown": (
        "Recognisers asked",
        "Nothing says whether the veil was made against these.",
    ),
    "surrogate": (
        "Surrogates: what the veil was made against",
        "That these are deceived is to be expected and proves little.",
    ),
}
"""What stands above the recognisers of each role, in the order they are shown."""


@dataclass(frozen=True, eq=False)
class Page:
    """One photo of a report.

    ``before`` and ``after`` are the decoded files, RGB, and may differ in size; ``facts`` are
    shown as they stand, for example ``{"Method": "tip-im, eps 12"}``.
    """

    verdict: Verdict
    before: Pixels
    after: Pixels
    facts: Mapping[str, str]


@dataclass(frozen=True)
class Row:
    """One recogniser's matches of one face, under each treatment."""

    role: Role
    sentence: str
    conditions: tuple[tuple[str, Match], ...]


@dataclass(frozen=True)
class FaceView:
    """One face as the template shows it; ``detail`` where the face is too large to show at 1:1."""

    number: int
    outcome: Outcome
    whole: Trio
    detail: Trio | None
    groups: tuple[tuple[Role, tuple[Row, ...]], ...]


@dataclass(frozen=True)
class PageView:
    """One photo as the template shows it; ``marks`` are boxes of faces, as shares of its sides."""

    verdict: Verdict
    photo: Trio
    marks: tuple[tuple[int, float, float, float, float], ...]
    faces: tuple[FaceView, ...]
    facts: Mapping[str, str]


def render(pages: Iterable[Page], *, title: str, facts: Mapping[str, str]) -> str:
    """The report as HTML that needs no network and no other file.

    Args:
        pages: the photos, in the order they are shown; each is let go before the next is taken.
        title: its headline.
        facts: what the footer states, such as version, date and settings.
    """
    views = [_page(page) for page in pages]
    return _template().render(
        title=title,
        tally=_tally([view.verdict.outcome() for view in views]),
        pages=views,
        facts=facts,
        badges=BADGES,
        headings=HEADINGS,
        fars=FARS,
        gain=pictures.GAIN,
    )


def _tally(outcomes: Sequence[Outcome]) -> str:
    """How many photos came to which end: ``3 not recognised, 1 still recognised``."""
    counts = ((name, outcomes.count(outcome)) for outcome, name in BADGES.items())
    return ", ".join(f"{count} {name.lower()}" for name, count in counts if count)


def _page(page: Page) -> PageView:
    height, width = page.before.shape[:2]
    return PageView(
        verdict=page.verdict,
        photo=pictures.whole(page.before, page.after),
        marks=tuple(
            (face.index + 1, box[0] / width, box[1] / height, box[2] / width, box[3] / height)
            for face in page.verdict.faces
            for box in [face.box]
        ),
        faces=tuple(_face(page, face) for face in page.verdict.faces),
        facts=page.facts,
    )


def _face(page: Page, face: FaceVerdict) -> FaceView:
    rows = []
    for at, match in enumerate(face.conditions[0].matches):
        conditions = tuple((each.name, each.matches[at]) for each in face.conditions)
        rows.append(Row(match.role, sentences.of_conditions(conditions), conditions))
    groups = ((role, tuple(row for row in rows if row.role == role)) for role in HEADINGS)
    return FaceView(
        number=face.index + 1,
        outcome=dataclasses.replace(page.verdict, faces=(face,)).outcome(),
        whole=pictures.face(page.before, page.after, face.box),
        detail=pictures.detail(page.before, page.after, face.box),
        groups=tuple(group for group in groups if group[1]),
    )


def _state(match: Match) -> str:
    """The CSS class of an answer."""
    return {True: "seen", False: "clear", None: "open"}[match.matched(FARS[0])]


def _answer(match: Match) -> str:
    """An answer in a few words; a match names the strictest rate it holds at."""
    if match.similarity is None:
        return "no face found"
    rates = [far for far in FARS if match.matched(far)]
    if not rates:
        return "cannot say" if match.matched(FARS[0]) is None else "no match"
    if len(rates) == 1:
        return "match"
    return "match even at 1 in " + f"{1 / rates[-1]:_.0f}".replace("_", "\N{NARROW NO-BREAK SPACE}")


def _figure(cosine: float | None) -> str:
    return "\N{EN DASH}" if cosine is None else f"{cosine:.3f}".replace("-", "\N{MINUS SIGN}")


def _percent(share: float) -> str:
    return f"{100 * min(max(share, 0.0), 1.0):.2f}%"


def _csp_hash(text: str) -> str:
    """``text`` as a content security policy names it, so that no other script may run."""
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


@functools.cache
def _template() -> Template:
    filters = {
        "answer": _answer,
        "csp_hash": _csp_hash,
        "figure": _figure,
        "percent": _percent,
        "sentence": sentences.of_verdict,
        "state": _state,
    }
    return template(Path(__file__).with_name("report.html"), filters)
