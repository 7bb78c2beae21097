"""What figures are called in charts, and how one becomes a point."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from faceveil.bench.certainty import in_words, is_unsure, signed, span
from faceveil.bench.charts import Point, Series
from faceveil.bench.figure import Figure
from faceveil.bench.finished import Finished
from faceveil.measures.rate import Rate

Place = Mapping[str, str]

VICTIM = ("victim", "left out")
"""What protocols call the recogniser asked."""

LEVEL = ("SSIMULACRA2", "gamma")
"""What moves along a line: how strong a veil is."""

RUN = "run"
"""What tells figures apart that stand at one place in two runs."""

BARE = {"method", "aim", "defence", RUN}
"""Kinds of place that need not be named beside their value."""


def victim_of(figure: Figure) -> str:
    """The recogniser asked; empty if the figure is of none."""
    return next((figure.at[kind] for kind in VICTIM if kind in figure.at), "")


def place_in(run: Finished, figure: Figure, *without: str) -> dict[str, str]:
    """Where a figure stands among those of several runs, ``without`` some kinds of place."""
    return {RUN: run.name} | {k: v for k, v in figure.at.items() if k not in without}


def private(run: Finished) -> list[Figure]:
    """What tells how private a run's veils are: PSR at the first rate, else Rank-1-UT."""
    measures = list(dict.fromkeys(figure.measure for figure in run.figures))
    wanted = [
        *(one for one in measures if one.startswith("PSR@")),
        *(one for one in measures if one == "Rank-1-UT"),
    ]
    return [figure for figure in run.figures if figure.measure in wanted[:1] and victim_of(figure)]


def shortest_names(places: Sequence[Place]) -> list[str]:
    """What tells each place from the others; the run only where nothing else does.

    Where all are one place, its full name.
    """
    kinds = list(dict.fromkeys(kind for place in places for kind in place if kind != RUN))
    told = [kind for kind in kinds if len({place.get(kind) for place in places}) > 1]
    without_run = {tuple(place.get(kind) for kind in kinds) for place in places}
    with_run = {tuple(place.get(kind) for kind in (*kinds, RUN)) for place in places}
    shown = [*(told or kinds), *([RUN] if len(with_run) > len(without_run) else [])]
    return [
        ", ".join(
            place[kind] if kind in BARE else f"{kind} {place[kind]}"
            for kind in shown
            if kind in place
        )
        for place in places
    ]


def lines(named: Iterable[tuple[str, Point]]) -> tuple[Series, ...]:
    """The points as series by name, each from left to right."""
    by_name: dict[str, list[Point]] = {}
    for name, point in named:
        by_name.setdefault(name, []).append(point)
    return tuple(
        Series(name, tuple(sorted(points, key=lambda point: point.x)))
        for name, points in by_name.items()
    )


def point(name: str, x: float, figure: Figure, beside: Figure | None = None) -> Point:
    """``figure`` at height, where ``beside`` is the one that its ``x`` comes from."""
    level = "".join(f", {kind} {figure.at[kind]}" for kind in LEVEL if kind in figure.at)
    said = "; ".join(in_figures(one) for one in (figure, beside) if one is not None)
    return Point(
        x=x,
        y=figure.value.mean,
        x_span=None if beside is None else span(beside.measure, beside.value),
        y_span=span(figure.measure, figure.value),
        unsure=is_unsure(figure.value),
        hollow=figure.at.get("surrogate") == victim_of(figure),
        words=f"{name}{level}: {said}; n = {figure.value.n}",
    )


def in_figures(figure: Figure) -> str:
    """A figure with its interval, in a line."""
    interval = in_words(figure.measure, figure.value)
    return f"{figure.measure} {signed(figure.value.mean)} ({interval})"


def clean_levels(figures: Iterable[Figure]) -> tuple[float, ...]:
    """What was measured without any veil."""
    return tuple(sorted({one.clean.mean for one in figures if one.clean is not None}))


def ends(rates: Iterable[Rate]) -> list[float]:
    """What an axis must hold to show these with their intervals."""
    return [end for rate in rates for end in (rate.low, rate.mean, rate.high)]
