"""The frontier: what is still recognised against what an attacker gets back."""

from __future__ import annotations

from collections.abc import Sequence

from faceveil.bench.audit.figures import FLOOR, strongest_of
from faceveil.bench.audit.found import GIVEN_AWAY
from faceveil.bench.charts import Chart, Sheet, linear, share_axis
from faceveil.bench.figure import Figure
from faceveil.bench.finished import Finished
from faceveil.bench.plots import marks

RECOGNISED = ("rank-1", "TAR@0.01")
NOBODY = "mean public face"
"""The floor that is drawn: a picture that shows nobody in particular."""


def frontier(runs: Sequence[Finished]) -> list[Sheet]:
    """A chart for each measure of recognition and each of what was given away."""
    runs = [run for run in runs if run.found]
    wanted = [(recognised, given_away) for given_away in GIVEN_AWAY for recognised in RECOGNISED]
    charts = [chart for one in wanted if (chart := _chart(runs, *one)) is not None]
    if not charts:
        return []
    caption = (
        "Right is better recognition of held-out photos. Down is more private: less was recovered "
        "by whichever attack on training faces recovered most; attacks on queries stand in the "
        "tables only. The best defence would be at the bottom right. The dotted line is what an "
        f"attacker scores who gives everybody the {NOBODY}."
    )
    return [Sheet("What recognition costs in faces given away", caption, tuple(charts))]


def _chart(runs: Sequence[Finished], recognised: str, given_away: str) -> Chart | None:
    found = [
        (marks.place_in(run, figure), figure, beside)
        for run in runs
        for figure in _of(run, strongest_of(given_away))
        for beside in _of(run, recognised)
        if beside.at == figure.at
    ]
    if not found:
        return None
    names = marks.shortest_names([place for place, _, _ in found])
    points = [
        (name, marks.point(f"{name} ({figure.note})", beside.value.mean, figure, beside))
        for name, (_, figure, beside) in zip(names, found, strict=True)
    ]
    floors = {
        figure.value.mean
        for run in runs
        for figure in _of(run, given_away)
        if figure.at.get(FLOOR) == NOBODY
    }
    return Chart(
        f"{given_away} against {recognised}",
        linear(
            f"{recognised} of held-out photos",
            marks.ends(beside.value for _, _, beside in found),
            within=None,
        ),
        share_axis(strongest_of(given_away)),
        marks.lines(points),
        tuple(sorted(floors)),
        NOBODY,
    )


def _of(run: Finished, measure: str) -> list[Figure]:
    return [figure for figure in run.figures if figure.measure == measure]
