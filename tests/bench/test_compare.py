"""Two runs side by side."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.bench.made import PSR_AT, figure, line, run

from faceveil.bench.compare import LEAST_PEOPLE, Comparison, Paired, compare, text
from faceveil.bench.damage import MEASURES
from faceveil.bench.figure import Figure
from faceveil.bench.finished import Finished
from faceveil.measures.rate import Rate

ARM = "method mim"
FLIP = MEASURES["flip"]


def lines(values: list[float], *, per_person: int = 1, **original: Any) -> list[dict[str, Any]]:
    """A picture for each value: as it is, and veiled with that FLIP."""
    result = []
    for place, value in enumerate(values):
        picture = f"p{place // per_person}/{place}.png"
        result.append(line("", picture, **original))
        cosine = {"dlib": {"as written": value / 2, "JPEG 75": None}}
        result.append(line(ARM, picture, damage={"flip": value}, cosine=cosine))
    return result


def two(tmp_path: Path, a: list[dict[str, Any]], b: list[dict[str, Any]]) -> Comparison:
    found: list[Finished] = [
        run(tmp_path / name, [figure("PSR@0.01", PSR_AT)], *those)
        for name, those in (("a", a), ("b", b))
    ]
    return compare(*found)


class TestFigures:
    def test_are_paired_by_place_whatever_its_order(self, tmp_path: Path) -> None:
        at = {"method": "mim", "victim": "dlib"}
        a = run(tmp_path / "a", [figure("PSR@0.01", at, 0.5), figure("TAR@0.01", at)])
        turned = dict(reversed(at.items()))
        b = run(tmp_path / "b", [figure("PSR@0.01", turned, 0.8), figure("Rank-1", at)])
        found = compare(a, b)
        (pair,) = found.pairs
        assert pair.difference == pytest.approx(0.3)
        assert [one.measure for one in found.only_a] == ["TAR@0.01"]
        assert [one.measure for one in found.only_b] == ["Rank-1"]

    @pytest.mark.parametrize(
        ("a", "b", "overlap"),
        [
            (Rate(0.5, 50, 0.4, 0.6), Rate(0.7, 50, 0.6, 0.8), True),
            (Rate(0.5, 50, 0.4, 0.6), Rate(0.8, 50, 0.7, 0.9), False),
            # All of six may well be as few as 54 %.
            (Rate(1, 6, 1, 1), Rate(0.5, 6, 0.2, 0.8), True),
            (Rate(1, 60, 1, 1), Rate(0.5, 60, 0.4, 0.6), False),
        ],
    )
    def test_intervals(self, tmp_path: Path, a: Rate, b: Rate, overlap: bool) -> None:
        runs = [
            run(tmp_path / str(place), [Figure("PSR@0.01", one, PSR_AT)])
            for place, one in enumerate((a, b))
        ]
        assert compare(*runs).pairs[0].overlap == overlap
        assert compare(*reversed(runs)).pairs[0].overlap == overlap


class TestPictures:
    def test_a_small_change_on_every_picture_is_seen(self, tmp_path: Path) -> None:
        spread = list(np.random.default_rng(0).normal(0.5, 0.2, 20).round(4))
        found = two(tmp_path, lines(spread), lines([one + 0.01 for one in spread]))
        by_measure = {one.measure: one for one in found.paired}
        assert by_measure.keys() == {FLIP, "cosine to the same person, dlib, as written"}
        assert by_measure[FLIP].difference.mean == pytest.approx(0.01)
        assert by_measure[FLIP].verdict == "more"

    def test_chance_is_not(self, tmp_path: Path) -> None:
        draw = np.random.default_rng(1).normal(0.5, 0.2, (2, 20))
        found = two(tmp_path, *(lines(list(values)) for values in draw))
        assert {one.verdict for one in found.paired} == {"cannot tell"}

    def test_people_count_and_not_their_photos(self, tmp_path: Path) -> None:
        n = LEAST_PEOPLE - 1
        values = [0.5] * n * 10
        found = two(
            tmp_path,
            lines(values, per_person=10),
            lines([one + 0.1 for one in values], per_person=10),
        )
        flip = next(one for one in found.paired if one.measure == FLIP)
        assert (flip.n_people, flip.difference.n) == (n, 10 * n)
        assert flip.verdict == "cannot tell"

    def test_other_bytes_under_one_name_are_not_compared(self, tmp_path: Path) -> None:
        values = [0.1] * 8
        assert not two(tmp_path, lines(values), lines(values, sha256="other")).paired

    @pytest.mark.parametrize(
        ("low", "high", "verdict"),
        [(0, 0, "same"), (-1, 1, "cannot tell"), (0.1, 1, "more"), (-1, -0.1, "less")],
    )
    def test_verdicts(self, low: float, high: float, verdict: str) -> None:
        rate = Rate((low + high) / 2, 10, low, high)
        assert Paired("", FLIP, rate, LEAST_PEOPLE).verdict == verdict


class TestText:
    def test_a_run_beside_itself_is_equal(self, tmp_path: Path) -> None:
        same = lines([0.1, 0.2])
        said = text(two(tmp_path, same, same))
        assert "1 of 1 figures are equal." in said
        assert "2 of 2 are the same on every picture." in said
        assert "Only in" not in said

    def test_what_differs_is_said(self, tmp_path: Path) -> None:
        a = run(tmp_path / "a", [figure("PSR@0.01", PSR_AT, 0.5)], *lines([0.5] * 8))
        b = run(
            tmp_path / "b",
            [figure("PSR@0.01", PSR_AT, 0.9), figure("Rank-1", {})],
            *lines([0.25] * 8),
        )
        said = " ".join(text(compare(a, b)).split())
        assert "0.50 0.90 +0.4 intervals apart PSR@0.01 method mim, aim dodge" in said
        assert f"-0.25 -0.25 to -0.25 8 people less {FLIP} {ARM}" in said
        assert "Only in b Rank-1" in said
        assert said.isascii()

    def test_without_common_pictures_it_says_so(self, tmp_path: Path) -> None:
        assert "No picture was judged under the same arm" in text(two(tmp_path, lines([1.0]), []))

    def test_the_record_is_json(self, tmp_path: Path) -> None:
        found = two(tmp_path, lines([0.1] * 8), lines([0.2] * 8))
        record = json.loads(json.dumps(found.record()))
        assert record["figures"][0]["overlap"] is True
        assert record["paired"][0]["verdict"] == "more"
        assert record["paired"][0]["difference"]["mean"] == pytest.approx(0.1)
