"""What is left of a veil after what the world does to the file."""

from __future__ import annotations

from collections.abc import Sequence

from faceveil.bench.certainty import is_unsure, span
from faceveil.bench.charts import Bar, Bars, Sheet
from faceveil.bench.figure import Figure
from faceveil.bench.finished import Finished
from faceveil.bench.plots import marks
from faceveil.bench.plots.marks import VICTIM, Place


def robustness(runs: Sequence[Finished]) -> list[Sheet]:
    """A sheet for each measure, on it the bars of each way to veil, grouped by treatment.

    A run that judged files after one treatment only has no part in it.
    """
    found = []
    for run in runs:
        figures = [figure for figure in marks.private(run) if "after" in figure.at]
        if len({figure.at["after"] for figure in figures}) > 1:
            found += [(marks.place_in(run, one, *VICTIM, "after"), one) for one in figures]
    measures = dict.fromkeys(figure.measure for _, figure in found)
    return [_sheet(one, [each for each in found if each[1].measure == one]) for one in measures]


def _sheet(measure: str, found: Sequence[tuple[Place, Figure]]) -> Sheet:
    names = marks.shortest_names([place for place, _ in found])
    panels: dict[str, dict[str, list[Bar]]] = {}
    for name, (_, figure) in zip(names, found, strict=True):
        panels.setdefault(name, {}).setdefault(figure.at["after"], []).append(_bar(figure))
    return Sheet(
        f"{measure} after what the world does to the file",
        "A bar for each recogniser asked; the ring on it is the same without any veil.",
        bars=tuple(
            Bars(name, tuple((after, tuple(bars)) for after, bars in groups.items()))
            for name, groups in panels.items()
        ),
    )


def _bar(figure: Figure) -> Bar:
    victim = marks.victim_of(figure)
    return Bar(
        name=victim,
        value=figure.value.mean,
        span=span(figure.measure, figure.value),
        clean=None if figure.clean is None else figure.clean.mean,
        unsure=is_unsure(figure.value),
        words=f"{victim}: {marks.in_figures(figure)}; n = {figure.value.n}",
    )
