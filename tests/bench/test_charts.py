"""Axes, the doubt that is drawn, and which figures stand in which chart."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest
from tests.bench.made import PSR_AT, TIP_IM_AT, VISIBLE, figure, line, run

from faceveil.bench.certainty import FEW, in_words, is_unsure, span
from faceveil.bench.charts import Sheet, linear, share_axis, symlog
from faceveil.bench.damage import MEASURES
from faceveil.bench.finished import Finished
from faceveil.bench.plots.marks import shortest_names
from faceveil.bench.plots.sheets import sheets
from faceveil.measures.rate import Rate

numbers = st.floats(-1e6, 1e6, allow_nan=False).map(lambda value: round(value, 3))


class TestAxes:
    @given(st.lists(numbers, min_size=1, max_size=5))
    def test_a_linear_one_holds_its_values_between_a_few_ticks(self, values: list[float]) -> None:
        axis = linear("x", values, within=None)
        assert axis.low <= min(values)
        assert max(values) <= axis.high
        assert list(axis.ticks) == sorted(set(axis.ticks))
        assert 2 <= len(axis.ticks) <= 9
        assert (axis.at(axis.low), axis.at(axis.high)) == (0, 100)

    def test_its_ticks_are_round(self) -> None:
        assert linear("x", [23.1, 71], within=(40, 90)).ticks == (20, 40, 60, 80, 100)
        assert linear("x", [0.31, 0.42], within=None).ticks == pytest.approx(
            (0.3, 0.32, 0.34, 0.36, 0.38, 0.4, 0.42)
        )

    def test_beyond_the_bend_a_power_of_ten_is_a_step(self) -> None:
        axis = symlog("gamma", [0, 0.0007, 0.007, 0.1, 1.75])
        assert axis.ticks == (0, 0.0007, 0.01, 0.1, 1)
        assert axis.at(0) == 0
        assert axis.at(1.75) == 100
        steps = [axis.at(0.0007 * 10**power) for power in range(4)]
        widths = [right - left for left, right in zip([0, *steps], steps, strict=False)]
        assert widths == pytest.approx([widths[0]] * 4, abs=0.02)

    def test_without_a_value_above_zero_it_is_plain(self) -> None:
        assert symlog("gamma", [0]).bend == 0

    def test_what_lies_outside_stays_at_the_edge(self) -> None:
        assert (share_axis("y").at(-1), share_axis("y").at(2)) == (0, 100)


class TestDoubt:
    @pytest.mark.parametrize("n", [1, 6, 50])
    @pytest.mark.parametrize("k", [0, 1])
    def test_trials_that_ended_alike_get_the_exact_interval(self, n: int, k: int) -> None:
        found = span("PSR@0.01", Rate(k, n, k, k))
        exact = binomtest(k * n, n).proportion_ci(method="exact")
        assert found is not None
        assert found.exact
        assert (found.low, found.high) == pytest.approx((exact.low, exact.high))

    def test_others_keep_theirs(self) -> None:
        found = span("PSR@0.01", Rate(0.5, 6, 0.2, 0.8))
        assert found is not None
        assert (found.low, found.high, found.exact) == (0.2, 0.8, False)

    def test_what_is_no_share_has_none_without_spread(self) -> None:
        assert span("largest change, of 255", Rate(1, 6, 1, 1)) is None

    def test_words(self) -> None:
        assert in_words("Rank-1-T", Rate(1, 6, 1, 1)) == "6 of 6, ≥ 0.54"
        assert in_words("Rank-1-T", Rate(0, 6, 0, 0)) == "0 of 6, ≤ 0.46"
        three_seeds = Rate(1, 60, 1, 1, people=20)
        assert in_words("Acc@1", three_seeds) == "60 of 60 (20 people), ≥ 0.83"
        assert is_unsure(Rate(0.5, 60, 0.2, 0.8, people=2))
        assert in_words(VISIBLE, Rate(-3, 6, -5.5, 1)) == "\N{MINUS SIGN}5.50 to 1.00"
        assert in_words(VISIBLE, Rate(3, 1, 3, 3)) == "no interval"

    def test_few(self) -> None:
        assert is_unsure(Rate(0.5, FEW - 1, 0.4, 0.6))
        assert not is_unsure(Rate(0.5, FEW, 0.4, 0.6))


def only(group: list[tuple[list[str], list[Sheet]]], title: str) -> Sheet:
    """The one sheet whose title begins so."""
    (found,) = [sheet for _, sheets in group for sheet in sheets if sheet.title.startswith(title)]
    return found


def psr_run(folder: Path, method: str = "mim", *pictures: str) -> Finished:
    """Two levels, two victims, two treatments; SSIMULACRA2 falls short of the level by 1."""
    figures = []
    for level, psr in (("50", 0.8), ("70", 0.4)):
        for victim in ("dlib", "faceres"):
            at = {**PSR_AT, "method": method, "SSIMULACRA2": level, "left out": victim}
            for after in ("as written", "JPEG 75"):
                place = {**at, "after": after}
                for measure in ("PSR@0.01", "PSR@0.001", "Rank-1-UT"):
                    figures.append(figure(measure, place, psr, clean=rate_of_clean(victim)))
            figures.append(figure(VISIBLE, at, float(level) + 1))
    return run(folder, figures, *(line("", picture) for picture in pictures))


def rate_of_clean(victim: str) -> Rate:
    return Rate({"dlib": 0.1, "faceres": 0.2}[victim], 50, 0, 0.3)


class TestPrivacy:
    def test_a_chart_a_recogniser_a_line_a_method_a_point_a_level(self, tmp_path: Path) -> None:
        sheet = only(sheets([psr_run(tmp_path / "a")]), "Privacy")
        assert [chart.title for chart in sheet.charts] == ["Asked: dlib", "Asked: faceres"]
        for chart, clean in zip(sheet.charts, (0.1, 0.2), strict=True):
            assert chart.y.title == "PSR@0.01"
            assert chart.x.title == VISIBLE
            assert chart.clean == (clean,)
            (series,) = chart.series
            assert [(point.x, point.y) for point in series.points] == [(51, 0.8), (71, 0.4)]
            assert not any(point.hollow or point.unsure for point in series.points)
            assert "SSIMULACRA2 50: PSR@0.01 0.80 (0.75 to 0.85)" in series.points[0].words
            assert "n = 50" in series.points[0].words

    def test_runs_on_the_same_pictures_share_a_chart(self, tmp_path: Path) -> None:
        runs = [psr_run(tmp_path / name, name, "p/1.png") for name in ("mim", "blur")]
        groups = sheets(runs)
        assert [names for names, _ in groups] == [["mim", "blur"]]
        assert only(groups, "Privacy").legend == ("mim", "blur")

    def test_others_do_not(self, tmp_path: Path) -> None:
        runs = [psr_run(tmp_path / name, "mim", name) for name in ("p/1.png", "p/2.png")]
        assert [names for names, _ in sheets(runs)] == [["1.png"], ["2.png"]]

    def test_the_run_is_named_only_where_nothing_else_tells(self, tmp_path: Path) -> None:
        runs = [psr_run(tmp_path / name, "mim") for name in ("a", "b")]
        assert only(sheets(runs), "Privacy").legend == ("mim, dodge, a", "mim, dodge, b")

    def test_a_surrogate_asked_itself_is_hollow(self, tmp_path: Path) -> None:
        figures = [
            figure("Rank-1-UT", {**TIP_IM_AT, "victim": victim}) for victim in ("dlib", "faceres")
        ]
        sheet = only(
            sheets([run(tmp_path / "a", [*figures, figure(VISIBLE, TIP_IM_AT, 60)])]), "Pri"
        )
        assert [chart.series[0].points[0].hollow for chart in sheet.charts] == [True, False]

    def test_figures_without_a_veil_give_no_chart(self, tmp_path: Path) -> None:
        figures = [figure("Rank-1", {"victim": "dlib"}), figure("faces found", {})]
        assert sheets([run(tmp_path / "a", figures)]) == [(["a"], [])]


class TestGamma:
    @pytest.fixture
    def sheet(self, tmp_path: Path) -> Sheet:
        figures = []
        for gamma in ("0.1", "0", "0.007"):
            for n in ("1", "5"):
                at = {**TIP_IM_AT, "gamma": gamma, "N": n}
                theirs = 0.9 if (gamma, n) == ("0", "1") else None
                for measure in ("Rank-1-UT", "Rank-1-T", "Rank-5-UT"):
                    place = {**at, "victim": "faceres"}
                    figures.append(figure(measure, place, reported=theirs))
                figures.append(figure(MEASURES["psnr"], at, 35))
        return only(
            sheets([run(tmp_path / "a", figures)]), "The gamma cliff: tip-im, made with dlib"
        )

    def test_a_line_for_each_n_over_every_gamma(self, sheet: Sheet) -> None:
        assert [chart.y.title for chart in sheet.charts] == [
            "Rank-1-UT",
            "Rank-1-T",
            MEASURES["psnr"],
        ]
        for chart in sheet.charts:
            lines = [one for one in chart.series if not one.reported]
            assert [one.name for one in lines] == ["N 1", "N 5"]
            for one in lines:
                assert [point.x for point in one.points] == [0, 0.007, 0.1]
        assert sheet.legend == ("N 1", "N 5")

    def test_what_others_reported_is_a_series_apart(self, sheet: Sheet) -> None:
        (theirs,) = [one for one in sheet.charts[0].series if one.reported]
        assert [(point.x, point.y, point.y_span) for point in theirs.points] == [(0, 0.9, None)]
        assert sheet.reported
        assert not [one for one in sheet.charts[2].series if one.reported]

    def test_without_psnr_its_chart_is_left_out(self, tmp_path: Path) -> None:
        places = [{**TIP_IM_AT, "gamma": gamma, "victim": "dlib"} for gamma in ("0", "1")]
        found = sheets([run(tmp_path / "a", [figure("Rank-1-T", at) for at in places])])
        assert [chart.y.title for chart in only(found, "The gamma").charts] == ["Rank-1-T"]

    def test_one_gamma_is_no_cliff(self, tmp_path: Path) -> None:
        figures = [figure("Rank-1-UT", {**TIP_IM_AT, "victim": "dlib"}), figure(VISIBLE, TIP_IM_AT)]
        ((_, found),) = sheets([run(tmp_path / "a", figures)])
        assert [sheet.title for sheet in found] == ["Privacy against visible damage"]


class TestRobustness:
    def test_a_group_a_treatment_a_bar_a_recogniser(self, tmp_path: Path) -> None:
        sheet = only(sheets([psr_run(tmp_path / "a")]), "PSR@0.01 after")
        assert [bars.title for bars in sheet.bars] == ["SSIMULACRA2 50", "SSIMULACRA2 70"]
        for bars in sheet.bars:
            assert [after for after, _ in bars.groups] == ["as written", "JPEG 75"]
            for _, group in bars.groups:
                assert [(bar.name, bar.clean) for bar in group] == [("dlib", 0.1), ("faceres", 0.2)]

    def test_a_run_of_files_as_written_does_not_lengthen_names(self, tmp_path: Path) -> None:
        at = {**PSR_AT, "after": "as written"}
        plain = run(tmp_path / "b", [figure("PSR@0.01", at)])
        assert only(sheets([psr_run(tmp_path / "a"), plain]), "PSR@0.01 after").bars[0].title == (
            "SSIMULACRA2 50"
        )

    def test_files_as_written_alone_give_none(self, tmp_path: Path) -> None:
        at = {**PSR_AT, "after": "as written"}
        assert sheets([run(tmp_path / "a", [figure("PSR@0.01", at)])]) == [(["a"], [])]


def test_names_say_what_differs_and_no_more() -> None:
    places = [{"run": "a", "method": "mim", "N": n, "aim": "dodge"} for n in ("1", "5")]
    assert shortest_names(places) == ["N 1", "N 5"]
    assert shortest_names(places[:1]) == ["mim, N 1, dodge"]
    assert shortest_names([places[0], {**places[0], "run": "b"}]) == [
        "mim, N 1, dodge, a",
        "mim, N 1, dodge, b",
    ]
    assert shortest_names([places[0], {"run": "a", "method": "blur"}]) == [
        "mim, N 1, dodge",
        "blur",
    ]
