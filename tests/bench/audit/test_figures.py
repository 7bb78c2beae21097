"""From lines to tables: seeds put together, and the strongest attack told from the others."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests.bench.audit.made import everything, found

from faceveil.bench.audit.figures import figures_of, strongest_of
from faceveil.bench.figure import Figure
from faceveil.bench.tables import grids

ACC = strongest_of("Acc@1")


def at(figures: list[Figure], measure: str, **place: str) -> Figure:
    (one,) = (one for one in figures if one.measure == measure and one.at == place)
    return one


def test_seeds_are_put_together_at_every_place() -> None:
    figures = figures_of(everything(), "none")
    assert at(figures, "Acc@1", defence="none", attack="mi-face").value.mean == pytest.approx(0.55)
    assert at(figures, "Acc@1", defence="none", attack="mi-face").value.n == 40
    assert at(figures, "rank", defence="ahm").value.mean == pytest.approx(0.95)
    assert at(figures, "AUC", defence="ahm", test="membership").value.mean == pytest.approx(0.6)
    assert at(figures, "NN@1", ceiling="held-out photos").value.n == 40


def test_the_strongest_attack_is_each_defences_own_and_named() -> None:
    figures = figures_of(everything(), "none")
    control, ahm = (at(figures, ACC, defence=name) for name in ("none", "ahm"))
    assert (control.note, control.value.mean) == ("eigenfaces", pytest.approx(0.85))
    assert (ahm.note, ahm.value.mean) == ("mi-face", pytest.approx(0.35))


def test_an_attack_on_queries_is_in_the_tables_and_never_the_strongest() -> None:
    on_queries = replace(
        found("ahm", 0, "attack", "query-recovery", Acc_at_1=1.0, NN_at_1=1.0),
        threat="masked queries",
    )
    figures = figures_of([*everything(), on_queries], "none")
    assert at(figures, ACC, defence="ahm").note == "mi-face"
    assert at(figures, "Acc@1", defence="ahm", attack="query-recovery").value.mean == 1


def test_floors_are_those_of_the_control() -> None:
    lines = [*everything(), found("ahm", 0, "floor", "of ahm", Acc_at_1=0.5)]
    assert not [one for one in figures_of(lines, "none") if one.at.get("floor") == "of ahm"]


def test_a_defence_no_attack_applies_to_has_its_recognition_only() -> None:
    lines = [*everything(), found("odd", 0, "recognition", "held-out photos", rank=0.5)]
    assert [one.measure for one in figures_of(lines, "none") if one.at == {"defence": "odd"}] == [
        "rank"
    ]


def test_tables_follow_one_another_by_what_they_are_of() -> None:
    places = [grid.places for grid in grids(figures_of(everything(), "none"))]
    assert places == [
        ("defence",),
        ("defence", "attack"),
        ("defence", "test"),
        ("floor",),
        ("ceiling",),
    ]
