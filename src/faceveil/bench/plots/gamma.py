"""The gamma cliff: identification and quality over the weight of naturalness."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from faceveil.bench.charts import Axis, Chart, Point, Series, Sheet, linear, share_axis, symlog
from faceveil.bench.damage import MEASURES
from faceveil.bench.figure import Figure
from faceveil.bench.finished import Finished
from faceveil.bench.plots import marks
from faceveil.bench.plots.marks import Place

RANKS = ("Rank-1-UT", "Rank-1-T")
QUALITY = MEASURES["psnr"]
NEEDED = {"method", "surrogate", "gamma"}

Found = tuple[Place, Figure]


def cliff(runs: Sequence[Finished]) -> list[Sheet]:
    """A sheet for each method and surrogate, a line for each N; none where gamma never changes."""
    found = [
        (marks.place_in(run, figure, "method", "surrogate", "gamma", "victim"), figure)
        for run in runs
        for figure in run.figures
        if figure.at.keys() >= NEEDED and figure.measure in {*RANKS, QUALITY}
    ]
    gammas = {_gamma(figure) for _, figure in found}
    if len(gammas) < 2:
        return []
    x = symlog("gamma", gammas)
    quality = linear(
        QUALITY,
        marks.ends(figure.value for _, figure in found if figure.measure == QUALITY),
        within=None,
    )
    made_with = dict.fromkeys(_made_with(figure) for _, figure in found)
    return [
        Sheet(
            f"The gamma cliff: {method}, made with {surrogate}",
            "Gamma weighs how natural the veil must look (MMD over N photos). The axis is linear "
            f"up to {x.bend:g} and logarithmic beyond.",
            _charts(
                x, quality, [one for one in found if _made_with(one[1]) == (method, surrogate)]
            ),
        )
        for method, surrogate in made_with
    ]


def _charts(x: Axis, quality: Axis, found: Sequence[Found]) -> tuple[Chart, ...]:
    victims = dict.fromkeys(marks.victim_of(one) for _, one in found if one.measure in RANKS)
    wanted = [
        *(
            (f"Asked: {victim}", share_axis(rank), victim)
            for rank, victim in product(RANKS, victims)
        ),
        ("How much is seen", quality, ""),
    ]
    charts = []
    for title, y, victim in wanted:
        here = [
            (place, figure)
            for place, figure in found
            if (figure.measure, marks.victim_of(figure)) == (y.title, victim)
        ]
        names = marks.shortest_names([place for place, _ in here])
        points = [
            (name, marks.point(name, _gamma(figure), figure))
            for name, (_, figure) in zip(names, here, strict=True)
        ]
        figures = [figure for _, figure in here]
        series = (*marks.lines(points), *_reported(figures))
        if here:
            charts.append(Chart(title, x, y, series, marks.clean_levels(figures)))
    return tuple(charts)


def _reported(figures: Sequence[Figure]) -> list[Series]:
    """What others reported in the places of these figures, as one series or none."""
    theirs = {_gamma(one): one.reported for one in figures if one.reported is not None}
    points = tuple(
        Point(
            x=gamma,
            y=value,
            x_span=None,
            y_span=None,
            unsure=False,
            hollow=False,
            words=f"gamma {gamma:g}: {value:g} was reported, of other recognisers",
        )
        for gamma, value in sorted(theirs.items())
    )
    return [Series("reported by others", points, reported=True)] if points else []


def _gamma(figure: Figure) -> float:
    return float(figure.at["gamma"])


def _made_with(figure: Figure) -> tuple[str, str]:
    return figure.at["method"], figure.at["surrogate"]
