"""An audit on the page: the frontier, faces beside what was recovered, and who holds what."""

from __future__ import annotations

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.bench.audit.made import everything, found, write_audit
from tests.bench.made import figure, write_run

from faceveil.bench.audit.found import Found
from faceveil.bench.audit.view import headline, view
from faceveil.bench.certainty import is_share
from faceveil.bench.compare import compare
from faceveil.bench.finished import Finished, read_run
from faceveil.bench.plots.frontier import frontier
from faceveil.bench.report import render
from faceveil.core.errors import UsageError


def lines() -> list[Found]:
    out = Found("ahm", 0, "left out", "pixel-prior", reason="It has no batch normalisation.")
    named = [
        found(one.defence, one.seed, "recognition", one.what, **{"rank-1": 0.9, "TAR_at_0.01": 0.8})
        for one in everything()
        if one.kind == "recognition"
    ]
    return [*(one for one in everything() if one.kind != "recognition"), *named, out]


@pytest.fixture
def finished(tmp_path: Path) -> Finished:
    return read_run(write_audit(tmp_path / "audit", lines()))


def test_the_page_has_all_of_it_and_no_path(finished: Finished) -> None:
    html = render([finished], facts={})
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]*>", "", html))
    for shown in (
        "What recognition costs in faces given away",
        "Recognisers trained under 2 defences, with 2 seeds each, attacked in 2 ways for the faces "
        "of 20 people, and judged by mobilefacenet.",
        "trained with ↓attacked by →",
        "the recogniser with its head, so every answer and every gradient",
        "ahm, pixel-prior: It has no batch normalisation.",
        "mean public face",
        "held-out photos",
        "MinusFace",
        "eigenfaces",
        "1 min 0 s of computing for 1 training or attack",
    ):
        assert shown in text, shown
    assert "No veil" not in text
    assert "/some/where" not in html
    assert html.count("data:image/png") == 2 * 3  # two attacks: the private row and two defences
    HTMLParser().feed(html)


def test_strips_are_of_the_first_seed_and_the_strongest_attack_is_first(
    finished: Finished,
) -> None:
    shown = view(finished)
    assert [one.attack for one in shown.recovered] == ["eigenfaces", "mi-face"]
    assert [strip.name for strip in shown.recovered[0].strips] == ["private photo", "none", "ahm"]
    assert shown.people == ("ann", "bob")


def test_pictures_that_are_gone_are_left_out(finished: Finished) -> None:
    shutil.rmtree(finished.folder / "cases" / "ahm-0")
    names = [strip.name for strip in view(finished).recovered[0].strips]
    assert names == ["private photo", "none"]
    shutil.rmtree(finished.folder / "private")
    assert view(finished).recovered == ()


def test_the_frontier_has_a_point_a_defence_and_the_floor(finished: Finished) -> None:
    (sheet,) = frontier([finished])
    assert sheet.legend == ("none", "ahm")
    assert [chart.title for chart in sheet.charts] == [
        f"{given} against {kept}" for given in ("Acc@1", "NN@1") for kept in ("rank-1", "TAR@0.01")
    ]
    chart = sheet.charts[0]
    assert chart.clean == pytest.approx((0.05,))
    control = chart.series[0].points[0]
    assert (control.x, control.y) == pytest.approx((0.9, 0.85))
    assert control.x_span is not None
    assert control.y_span is not None
    assert control.words.startswith("none (eigenfaces): Acc@1, strongest attack 0.85")
    assert is_share(chart.y.title)


def test_two_audits_share_a_frontier_only_on_the_same_faces(tmp_path: Path) -> None:
    one, same = (read_run(write_audit(tmp_path / name, lines())) for name in "ab")
    other = read_run(write_audit(tmp_path / "c", lines(), people=":2"))
    title = "<h2>What recognition costs"
    assert render([one, same], facts={}).count(title) == 1
    assert render([one, other], facts={}).count(title) == 2


def test_an_audit_stands_beside_a_run_of_veils(finished: Finished, tmp_path: Path) -> None:
    veils = read_run(write_run(tmp_path / "veils", [figure("PSR@0.01", {"method": "mim"})]))
    text = render([finished, veils], facts={})
    assert "<em>No veil</em>" in text
    assert "<em>NN@1</em>" in text
    assert frontier([veils]) == []


def test_audits_can_be_compared(finished: Finished, tmp_path: Path) -> None:
    other = read_run(write_audit(tmp_path / "other", lines()))
    found = compare(finished, other)
    assert len(found.pairs) == len(finished.figures)
    assert all(pair.difference == 0 for pair in found.pairs)


def test_a_damaged_line_is_refused_by_file(finished: Finished) -> None:
    path = finished.folder / "results.jsonl"
    path.write_text('{"defence": 3}\n')
    with pytest.raises(UsageError, match=r"results\.jsonl: .*seed"):
        read_run(finished.folder)


def test_a_headline_without_attacks_is_still_a_sentence(tmp_path: Path) -> None:
    few = [one for one in lines() if one.kind == "recognition"]
    assert "attacked in 0 ways" in headline(read_run(write_audit(tmp_path / "few", few)))
