"""A verdict in words that a person who never heard of a cosine understands."""

from __future__ import annotations

from collections.abc import Sequence

from faceveil.app.search import FaceSearch
from faceveil.app.verdict import Match, Role, Verdict
from faceveil.marks.code import N_BITS
from faceveil.marks.reader import Mark

_PART: dict[Role, str] = {
    "held out": ", which took no part in making this veil,",
    "surrogate": ", which this veil was made against,",
    "unknown": "",
}


def of_match(match: Match, far: float = 0.01) -> str:
    """What one recogniser says of one face, as a sentence."""
    who = match.recogniser + _PART[match.role]
    threshold = match.threshold(far)
    if match.similarity is None:
        return f"{who} has nothing to compare: no face was found here any more."
    if threshold is None:
        figure = _figure(match.similarity, 2)
        return f"{who} has no calibrated threshold, so its similarity ({figure}) decides nothing."
    similarity, needed = _apart(match.similarity, threshold)
    if match.matched(far):
        return f"{who} still matches this face ({similarity}; {needed} is enough)."
    return f"{who} no longer matches this face ({similarity}; it would need {needed})."


def of_conditions(conditions: Sequence[tuple[str, Match]], far: float = 0.01) -> str:
    """What one recogniser says of one face as written, and where a treatment changes its answer."""
    (_, as_written), *treated = conditions
    sentence = of_match(as_written, far)
    if as_written.matched(far) is not False:
        return sentence
    relapses = [name for name, match in treated if match.matched(far)]
    return f"{sentence} It matches again under {listed(relapses, 'and')}." if relapses else sentence


def of_verdict(verdict: Verdict, far: float = 0.01) -> str:
    """What the judges say of all faces under all treatments, as a sentence or two."""
    treated = verdict.conditions[1:]
    match verdict.outcome(far):
        case "recognised":
            return f"Still recognised: {_matchers(verdict, far)}."
        case "fragile":
            relapses = {
                name: [match.recogniser for _, match in verdict.answers(name) if match.matched(far)]
                for name in treated
            }
            who = dict.fromkeys(name for matchers in relapses.values() for name in matchers)
            after = listed([name for name, matchers in relapses.items() if matchers], "and")
            return (
                f"Not recognised as written, but {listed(list(who), 'and')} "
                f"{'match' if len(who) > 1 else 'matches'} again after a treatment ({after})."
            )
        case "unrecognised":
            tested = f" (tested {', '.join(verdict.conditions)})" if treated else ""
            return f"Not recognised: {_dissenters(verdict)}{tested}.{_caveat(verdict)}"
        case "undecided":
            return (
                "No verdict: the recognisers that could judge have no calibrated thresholds; "
                "`faceveil models calibrate` finds them."
            )


def of_search(face: FaceSearch) -> str:
    """Whom recognisers take one face of a photo for, as a sentence or two."""
    able = [ranking for ranking in face.rankings if ranking.threshold is not None]
    who: dict[str | None, list[str]] = {}
    for ranking in able:
        who.setdefault(ranking.answer, []).append(ranking.recogniser)
    said = [
        f"{listed(names, 'and')} take{'s' * (len(names) == 1)} it for {label or 'none of them'}"
        for label, names in sorted(who.items(), key=lambda item: (item[0] is None, -len(item[1])))
    ] + [
        f"{ranking.recogniser} has no calibrated threshold"
        for ranking in face.rankings
        if ranking.threshold is None
    ]
    return f"Face {face.index + 1}: {'; '.join(said)}."


def of_mark(mark: Mark, whose: str | None = None) -> str:
    """What a face's mark says, as a sentence without its subject."""
    repaired = "no bit" if mark.n_wrong == 0 else f"{mark.n_wrong} of {N_BITS} bits"
    owner = mark.owner if whose is None else f"{mark.owner} of {whose}"
    return (
        f"carries the mark {owner} ({repaired} repaired; a face without a mark would say so at "
        f"most once in {1 / mark.chance:.0e})."
    )


def listed(items: Sequence[str], word: str) -> str:
    """``a``, ``a and b``, ``a, b and c``."""
    *most, last = items
    return f"{', '.join(most)} {word} {last}" if most else last


def _matchers(verdict: Verdict, far: float) -> str:
    """Who matches how many as written, such as ``dlib matches 1 of 2 faces``."""
    counts = dict.fromkeys(verdict.judges, 0)
    for _, match in verdict.answers(verdict.conditions[0]):
        counts[match.recogniser] += bool(match.matched(far))
    matchers = [name for name in verdict.judges if counts[name]]
    n_faces = len(verdict.faces)
    if n_faces > 1:
        return listed(
            [f"{name} matches {counts[name]} of {n_faces} faces" for name in matchers], "and"
        )
    return f"{listed(matchers, 'and')} {'matches' if len(matchers) == 1 else 'match'} the face"


def _dissenters(verdict: Verdict) -> str:
    """Who matches nothing: ``faceres and dlib, which took no part …, do not match the face``."""
    judges = verdict.judges
    part = _PART["held out"] if _role(verdict) == "held out" else ""
    verb = "does" if len(judges) == 1 else "do"
    n_faces = len(verdict.faces)
    faces = "the face" if n_faces == 1 else f"any of the {n_faces} faces"
    return f"{listed(judges, 'and')}{part} {verb} not match {faces}"


def _caveat(verdict: Verdict) -> str:
    if _role(verdict) != "surrogate":
        return ""
    return " But the veil was made against just these, so it proves little about others."


def _role(verdict: Verdict) -> Role:
    """The judges' role, which they share."""
    _, match = next(verdict.answers(verdict.conditions[0]))
    return match.role


def _apart(similarity: float, threshold: float) -> tuple[str, str]:
    """Both figures, with as many decimals as it takes to tell them apart."""
    for n_decimals in (2, 3, 4):
        figures = _figure(similarity, n_decimals), _figure(threshold, n_decimals)
        if figures[0] != figures[1]:
            break
    return figures


def _figure(cosine: float, n_decimals: int) -> str:
    return f"{cosine:.{n_decimals}f}".replace("-", "\N{MINUS SIGN}")
