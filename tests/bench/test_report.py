"""The bench's report, as text, in a real browser, and of a real run."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from tests.app.conftest import Browser, browser
from tests.bench.conftest import write_people
from tests.bench.made import PSR_AT, TIP_IM_AT, VISIBLE, figure, line, rate, run, write_run

from faceveil.bench.finished import Finished, read_run
from faceveil.bench.protocols.psr import Psr
from faceveil.bench.report import render, write
from faceveil.bench.run import carry_out
from faceveil.core.errors import UsageError
from faceveil.core.seeds import content_hash

__all__ = ["browser"]

HOSTILE = """"><script>document.title='taken'</script><img src=x onerror="document.title=1">"""
ARM = ", ".join(f"{kind} {value}" for kind, value in PSR_AT.items())


@pytest.fixture
def finished(tmp_path: Path) -> Finished:
    """Something for every part of the page."""
    figures = [
        figure(measure, {**TIP_IM_AT, "gamma": gamma, "surrogate": surrogate, "victim": victim})
        for measure in ("Rank-1-UT", "Rank-1-T")
        for gamma in ("0", "0.1")
        for surrogate in ("dlib", "faceres")
        for victim in ("dlib", "faceres")
    ]
    figures += [
        figure(VISIBLE, {**TIP_IM_AT, "gamma": gamma, "surrogate": surrogate}, 61)
        for gamma in ("0", "0.1")
        for surrogate in ("dlib", "faceres")
    ]
    figures += [
        figure("PSR@0.01", {**PSR_AT, "after": after}, clean=rate(0.1))
        for after in ("a", "b", HOSTILE)
    ]
    lines = [line("", "ann/1.png"), line("", "bob/1.png", fault="none"), line(ARM, "ann/1.png")]
    return run(tmp_path / "run", figures, *lines, seconds=(1, 2, 60))


def text_of(html: str) -> str:
    """What a reader reads."""
    return " ".join(re.sub(r"<[^>]*>", " ", html[html.index("<body>") :]).split())


def test_a_cell_says_how_sure_it_is_and_beside_what(tmp_path: Path) -> None:
    found = figure("PSR@0.01", PSR_AT, 0.84, clean=rate(0.12), reported=0.91, note="threshold .4")
    html = text_of(render([run(tmp_path / "run", [found])], facts={}))
    assert "dlib 50 0.84 0.79 to 0.89 no veil 0.12 reported 0.91 threshold .4" in html


@pytest.mark.parametrize(("n", "doubted"), [(6, True), (50, False)])
def test_few_trials_look_unsure(tmp_path: Path, n: int, doubted: bool) -> None:
    found = figure("PSR@0.01", PSR_AT)
    few = type(found)(found.measure, rate(1, n, 0), found.at)
    html = render([run(tmp_path / "run", [few])], facts={})
    assert ('class="mean unsure"' in html) == doubted
    assert ("Figures of 6 people or fewer" in html) == doubted
    assert f"{n} of {n}, ≥" in html


def test_states_what_was_done_and_how(finished: Finished) -> None:
    html = text_of(render([finished], facts={"Date": "today"}))
    for shown in (
        "1 person veiled in 1 way and judged by dlib and faceres; beside them 2 pictures as they",
        "Data faces",
        "Left out 1 picture without a face that was found",
        "Time 1 min 3 s of computing for 3 veils, half of them within 2.0 s each",
        "Machine x86_64, 2 cores, cpu",
        "Versions Python 3.11.7, faceveil 0.1.0, torch 2.6",
        f"SHA-256 of dlib {'a' * 64}",
        "faceveil bench psr --config protocol.toml -o RUN",
        "Date today",
    ):
        assert shown in html


def test_a_surrogate_by_a_victim_is_a_matrix(finished: Finished) -> None:
    html = render([finished], facts={})
    matrices = re.findall(r'<table class="matrix">.*?</table>', html, re.DOTALL)
    assert len(matrices) == 4
    for matrix in matrices:
        assert matrix.count("<td") == 4
        assert matrix.count('class="own"') == 2
        assert matrix.count("--share: 50%") == 4


def test_needs_nothing_but_itself_and_tells_no_path(finished: Finished) -> None:
    html = render([finished], facts={})
    assert not re.search(
        r"https?:|//[a-z]|@import|url\(|<link|<script", re.sub(r"&lt;.*?&gt;", "", html)
    )
    assert "/some/where" not in html


def test_is_the_same_every_time(finished: Finished) -> None:
    assert render([finished], facts={}) == render([finished], facts={})


def test_a_run_given_twice_has_two_names(finished: Finished) -> None:
    html = text_of(render([finished, finished], facts={}))
    assert "What was measured: run, run (2)" in html


def test_a_run_without_veils_has_tables_only(tmp_path: Path) -> None:
    figures = [figure("faces found", {}, 1), figure("Rank-1", {"victim": "dlib"})]
    lines = [line("", "ann/1.png"), line("", "ann/2.png")]
    html = text_of(render([run(tmp_path / "run", figures, *lines)], facts={}))
    assert "2 pictures as they are, of 1 person, judged by dlib and faceres." in html
    assert "Figures by victim" in html
    assert "Asked:" not in html


@pytest.mark.parametrize(
    "name", ["environment.json", "results.jsonl", "timings.jsonl", "protocol.toml"]
)
@pytest.mark.parametrize("text", [None, "{"])
def test_a_damaged_run_is_refused_by_file(tmp_path: Path, name: str, text: str | None) -> None:
    path = write_run(tmp_path / "run", [figure("PSR@0.01", PSR_AT)]) / name
    if text is None:
        path.unlink()
    else:
        path.write_text(text)
    with pytest.raises(UsageError, match=name):
        write([tmp_path / "run"], tmp_path / "report.html")
    assert not (tmp_path / "report.html").exists()


class TestPhotos:
    @pytest.fixture
    def kept(self, tmp_path: Path) -> Path:
        """A run that kept two veiled pictures, of which one was changed since."""
        people = write_people(tmp_path / "people", 2, 1)
        lines = []
        for person in ("p00", "p01"):
            picture = people / person / "0.png"
            veiled = tmp_path / "run" / "veiled" / "any-name" / person / "0.png"
            veiled.parent.mkdir(parents=True)
            Image.open(picture).rotate(3).save(veiled)
            before, after = (content_hash(path.read_bytes()) for path in (picture, veiled))
            lines += [line("", f"{person}/0.png", sha256=before)]
            lines += [line(ARM, f"{person}/0.png", sha256=after)]
        veiled.write_bytes(picture.read_bytes())
        figures = [figure(VISIBLE, PSR_AT)]
        made = write_run(tmp_path / "made", figures, lines, data=str(people), alignment="aligned")
        for file in made.iterdir():
            file.rename(tmp_path / "run" / file.name)
        return tmp_path / "run"

    def test_what_was_judged_is_shown(self, kept: Path) -> None:
        html = render([read_run(kept)], facts={})
        assert html.count("<img") == 3
        assert 'alt="p00/0.png after mim, dodge, SSIMULACRA2 50, left out dlib"' in html
        assert "p01/0.png" not in html

    def test_changed_originals_are_not(self, kept: Path) -> None:
        (kept.parent / "people" / "p00" / "0.png").write_bytes(
            (kept.parent / "people" / "p01" / "0.png").read_bytes()
        )
        assert "<img" not in render([read_run(kept)], facts={})

    def test_without_the_data_the_page_says_so(self, kept: Path) -> None:
        (kept.parent / "people").rename(kept.parent / "gone")
        html = render([read_run(kept)], facts={})
        assert "<img" not in html
        assert "are no longer where they were" in html

    def test_of_a_real_run(self, tmp_path: Path, psr: Callable[..., Psr]) -> None:
        protocol = psr(treatments=("", "jpeg 75"))
        carry_out(
            protocol,
            protocol.plan(),
            tmp_path / "run",
            cache=tmp_path / "cache",
            n_processes=1,
            keep_veiled=True,
        )
        write([tmp_path / "run"], tmp_path / "report.html")
        html = (tmp_path / "report.html").read_text(encoding="utf-8")
        assert html.count("<img") == 2 * (1 + 2 * 2)
        for shown in (
            "Privacy against visible damage",
            "PSR@0.1 after what the world does",
            "JPEG 75",
        ):
            assert shown in html
        assert str(tmp_path.parent) not in html


class TestInABrowser:
    @pytest.fixture
    def path(self, tmp_path: Path, finished: Finished) -> Path:
        at = {HOSTILE: HOSTILE, "method": HOSTILE, "victim": HOSTILE}
        figures = [figure(f"{HOSTILE} {place}", at, note=HOSTILE) for place in range(12)]
        figures += [figure("PSR@0.01", at), figure(VISIBLE, {"method": HOSTILE})]
        hostile = run(tmp_path / "hostile", figures, victims=[HOSTILE], protocol=HOSTILE)
        path = tmp_path / "report.html"
        html = render([finished, hostile], facts={HOSTILE: HOSTILE})
        path.write_text(html, encoding="utf-8")
        return path

    def test_nothing_is_logged_thrown_or_fetched(self, browser: Browser, path: Path) -> None:
        browser.open(path)
        assert browser.evaluate("document.querySelectorAll('.plot').length") > 0
        assert browser.complaints == []

    def test_names_are_text(self, browser: Browser, path: Path) -> None:
        browser.open(path)
        assert browser.evaluate("document.title") == "What was measured: run, hostile"
        assert browser.evaluate("document.scripts.length") == 0
        assert browser.evaluate("document.images.length") == 0
        badge = "document.querySelectorAll('article .badge')[1].textContent"
        assert browser.evaluate(badge) == HOSTILE

    def test_fits_a_phone_where_wide_tables_scroll_in_their_box(
        self, browser: Browser, path: Path
    ) -> None:
        size = {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True}
        browser.call("Emulation.setDeviceMetricsOverride", **size)
        browser.open(path)
        wide = browser.evaluate("document.documentElement.scrollWidth")
        boxes = "[...document.querySelectorAll('.scroll')]"
        scrolling = browser.evaluate(f"{boxes}.filter(b => b.scrollWidth > b.clientWidth).length")
        reachable = browser.evaluate(f"{boxes}.every(b => b.tabIndex == 0 && b.ariaLabel)")
        browser.call("Emulation.clearDeviceMetricsOverride")
        assert wide <= 390
        assert scrolling > 0
        assert reachable

    def test_points_are_drawn_where_their_figures_are(self, browser: Browser, path: Path) -> None:
        browser.open(path)
        browser.evaluate("plot = document.querySelector('.plot').getBoundingClientRect()")
        browser.evaluate(
            "marks = [...document.querySelector('.plot').querySelectorAll('.s0 .mark')]"
            ".map(mark => mark.getBoundingClientRect())"
        )
        places = browser.evaluate(
            "marks.map(mark => [(mark.x + mark.width / 2 - plot.x) / plot.width,"
            " (mark.y + mark.height / 2 - plot.y) / plot.height])"
        )
        # Gamma 0 and 0.1 on an axis that is linear up to 0.1 and ends a power of ten beyond.
        assert places == [pytest.approx((x, 0.5), abs=0.01) for x in (0, 0.5)]
