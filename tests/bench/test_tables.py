"""Figures as records and as tables."""

from __future__ import annotations

import json

import pytest

from faceveil.bench.figure import Figure
from faceveil.bench.tables import cell, grids, number
from faceveil.measures.rate import Rate


def rate(mean: float) -> Rate:
    return Rate(mean, 50, round(mean - 0.05, 5), round(mean + 0.05, 5))


FIGURES = [
    Figure("Rank-1-T", rate(0.8), {"method": "mim", "victim": "dlib"}, rate(0.1), 0.9),
    Figure("Rank-5-T", rate(0.9), {"method": "mim", "victim": "dlib"}),
    Figure("Rank-1-T", rate(0.7), {"method": "dim", "victim": "dlib"}),
    Figure("PSNR", rate(31.24), {"method": "mim"}),
    Figure("PSNR", rate(29.96), {"method": "dim"}),
    Figure("faces found", rate(1.0)),
]


def test_figures_at_places_of_one_kind_make_one_grid_in_the_order_measured() -> None:
    ranks, quality, bare = grids(FIGURES)
    assert ranks.places == ("method", "victim")
    assert ranks.measures == ("Rank-1-T", "Rank-5-T")
    assert ranks.rows == [("mim", "dlib"), ("dim", "dlib")]
    assert ranks.figures[("mim", "dlib"), "Rank-5-T"] is FIGURES[1]
    assert (("dim", "dlib"), "Rank-5-T") not in ranks.figures
    assert (quality.places, quality.rows) == (("method",), [("mim",), ("dim",)])
    assert (bare.places, bare.rows) == ((), [()])
    assert grids([]) == []


@pytest.mark.parametrize(
    ("figure", "said"),
    [(FIGURES[0], "0.80 [0.10] {0.90}"), (FIGURES[1], "0.90"), (FIGURES[3], "31.2"), (None, "")],
)
def test_a_cell_is_the_mean_and_what_it_must_be_held_against(
    figure: Figure | None, said: str
) -> None:
    assert cell(figure) == said


def test_numbers_have_the_places_that_mean_something() -> None:
    assert [number(value) for value in (0.126, -0.5, 12.34, -20.06)] == [
        "0.13",
        "-0.50",
        "12.3",
        "-20.1",
    ]


@pytest.mark.parametrize("figure", FIGURES)
def test_a_record_is_what_json_holds_and_can_be_read_back(figure: Figure) -> None:
    record = json.loads(json.dumps(figure.record()))
    assert Figure.read(record) == figure
    assert Figure.read(record).record() == record


def test_records_are_rounded_alike_on_every_machine() -> None:
    figure = Figure("m", Rate(1 / 3, 3, 0.1 + 0.2, 2 / 3))
    value = {"mean": 0.33333, "n": 3, "low": 0.3, "high": 0.66667, "people": None}
    assert figure.record()["value"] == value
