"""Privacy against visible damage: what a veil costs, and what it brings."""

from __future__ import annotations

from collections.abc import Sequence

from faceveil.bench.charts import Axis, Chart, Sheet, linear, share_axis
from faceveil.bench.damage import MEASURES
from faceveil.bench.figure import Figure
from faceveil.bench.finished import Finished
from faceveil.bench.plots import marks
from faceveil.bench.plots.marks import LEVEL, VICTIM, Place
from faceveil.bench.protocol import AS_WRITTEN

VISIBLE = MEASURES["ssimulacra2"]

Found = tuple[Place, Figure, Figure]
"""A figure of privacy with its place, and the one of damage at the same place."""


def privacy(runs: Sequence[Finished]) -> list[Sheet]:
    """A sheet for each measure of privacy, on it a chart for each recogniser asked."""
    found = [each for run in runs for each in _found(run)]
    measures = dict.fromkeys(figure.measure for _, figure, _ in found)
    return [
        _sheet(measure, [one for one in found if one[1].measure == measure]) for measure in measures
    ]


def _found(run: Finished) -> list[Found]:
    damages = [figure for figure in run.figures if figure.measure == VISIBLE]
    result: list[Found] = []
    for figure in marks.private(run):
        beside = next((one for one in damages if one.at.items() <= figure.at.items()), None)
        if beside is not None and figure.at.get("after", AS_WRITTEN) == AS_WRITTEN:
            place = marks.place_in(run, figure, *VICTIM, *LEVEL, "after")
            result.append((place, figure, beside))
    return result


def _sheet(measure: str, found: Sequence[Found]) -> Sheet:
    names = marks.shortest_names([place for place, _, _ in found])
    named = list(zip(names, found, strict=True))
    x = linear(VISIBLE, marks.ends(beside.value for _, _, beside in found), within=(40, 90))
    victims = dict.fromkeys(marks.victim_of(figure) for _, figure, _ in found)
    return Sheet(
        "Privacy against visible damage",
        "Up is more private. Right is less visible: at 100 nothing changed, from 90 on hardly "
        "anybody sees it. The best veil would be at the top right.",
        tuple(
            _chart(
                victim,
                x,
                share_axis(measure),
                [one for one in named if marks.victim_of(one[1][1]) == victim],
            )
            for victim in victims
        ),
    )


def _chart(victim: str, x: Axis, y: Axis, named: Sequence[tuple[str, Found]]) -> Chart:
    points = [
        (name, marks.point(name, beside.value.mean, figure, beside))
        for name, (_, figure, beside) in named
    ]
    clean = marks.clean_levels(figure for _, (_, figure, _) in named)
    return Chart(f"Asked: {victim}", x, y, marks.lines(points), clean)
