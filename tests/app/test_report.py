"""The report, as text and in a real browser."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from skimage.data import astronaut
from tests.app.conftest import BOX, Browser, make_face, make_verdict

from faceveil.app.report import Page, render
from faceveil.app.verdict import Role, Verdict

ROLES: Mapping[str, Role] = {"dlib": "held out", "mobilefacenet": "surrogate"}
CLEAR = {"dlib": (0.31, 0.35), "mobilefacenet": (-0.11, 0.05)}
SEEN = {"dlib": (0.95, 0.97), "mobilefacenet": (0.1, 0.2)}
HOSTILE = (
    """"><script>document.title='taken'</script><img src=x onerror="document.title='taken'">"""
)


@pytest.fixture(scope="module")
def photo() -> np.ndarray:
    return astronaut()


@pytest.fixture(scope="module")
def veiled(photo: np.ndarray) -> np.ndarray:
    left, top, right, bottom = map(int, BOX)
    result = photo.astype(int)
    noise = np.random.default_rng(0).integers(-9, 10, (bottom - top, right - left, 3))
    result[top:bottom, left:right] += noise
    return np.clip(result, 0, 255).astype(np.uint8)


def page(verdict: Verdict, before: np.ndarray, after: np.ndarray) -> Page:
    return Page(verdict, before, after, {"Size": "512 x 512"})


def test_says_what_each_recogniser_says(photo: np.ndarray, veiled: np.ndarray) -> None:
    html = render(
        [page(make_verdict(make_face(CLEAR, ROLES)), photo, veiled)], title="T", facts={"Seed": "7"}
    )
    assert (
        "dlib, which took no part in making this veil, no longer matches this face "
        "(0.31; it would need 0.91)." in html
    )
    assert html.index("Held out: the evidence") < html.index("Surrogates: what")
    for shown in (
        "as written",
        "JPEG 75",
        "0.310",
        "\u22120.110",
        "a match from 0.911",
        "<dd>7</dd>",
    ):
        assert shown in html
    assert "What this does not prove" in html


def test_needs_nothing_but_itself(photo: np.ndarray, veiled: np.ndarray) -> None:
    html = render([page(make_verdict(make_face(CLEAR, ROLES)), photo, veiled)], title="T", facts={})
    assert not re.search(r"https?:|//[a-z]|@import|url\(|<link", re.sub(r"base64,[^\"]+", "", html))
    assert all(source.startswith("data:image/") for source in re.findall(r'src="([^"]*)', html))


@pytest.mark.parametrize("n_photos", [1, 3])
def test_a_summary_stands_above_several_photos(
    photo: np.ndarray, veiled: np.ndarray, n_photos: int
) -> None:
    pages = [page(make_verdict(make_face(SEEN, ROLES)), photo, veiled)] * n_photos
    html = render(iter(pages), title="T", facts={})
    assert html.count("<table>") == (n_photos > 1)
    assert html.count("<article") == n_photos
    if n_photos > 1:
        assert "3 photos, 3 still recognised" in html
        assert 'href="#photo-3"' in html


def test_a_large_photo_gives_a_small_report() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (3000, 4500, 3), dtype=np.uint8)
    box = (1000.0, 1000.0, 2000.0, 2300.0)
    html = render(
        [page(make_verdict(make_face(CLEAR, ROLES, box=box)), noise, noise)], title="T", facts={}
    )
    assert len(html) < 4_000_000
    assert "pixel for pixel as in the file" in html


def test_after_may_have_another_size(photo: np.ndarray) -> None:
    half = photo[::2, ::2]
    assert render([page(make_verdict(make_face(CLEAR, ROLES)), photo, half)], title="T", facts={})


def test_says_so_where_no_face_was_found_and_nothing_is_calibrated(photo: np.ndarray) -> None:
    gone = {"dlib": (None, None), "mobilefacenet": (None, 0.9)}
    html = render([page(make_verdict(make_face(gone, ROLES)), photo, photo)], title="T", facts={})
    assert "dlib, which took no part in making this veil, has nothing to compare" in html
    assert "no face found" in html


class TestInABrowser:
    @pytest.fixture
    def path(self, tmp_path: Path, photo: np.ndarray, veiled: np.ndarray) -> Path:
        faces = [make_face(SEEN, ROLES), make_face(CLEAR, ROLES, index=1)]
        verdict = Verdict(HOSTILE, HOSTILE, tuple(faces), (HOSTILE,))
        first = Page(verdict, photo, veiled, {HOSTILE: HOSTILE})
        path = tmp_path / "report.html"
        pages = [first, page(make_verdict(*faces), photo, veiled)]
        path.write_text(render(pages, title=HOSTILE, facts={HOSTILE: HOSTILE}), encoding="utf-8")
        return path

    def test_the_slider_follows_the_keyboard(self, browser: Browser, path: Path) -> None:
        browser.open(path)
        shown = "document.querySelector('.versus').style.getPropertyValue('--cut')"
        assert browser.evaluate(shown) == "50%"
        browser.evaluate("document.querySelector('.versus input').focus()")
        browser.press("ArrowRight")
        assert browser.evaluate(shown) == "51%"
        clip = "getComputedStyle(document.querySelector('.versus .before')).clipPath"
        assert browser.evaluate(clip) == "inset(0px 49% 0px 0px)"

    def test_nothing_is_logged_thrown_or_fetched(self, browser: Browser, path: Path) -> None:
        browser.open(path)
        assert browser.evaluate("document.images.length") > 0
        assert browser.evaluate("[...document.images].every(one => one.naturalWidth > 0)")
        assert browser.complaints == []

    def test_names_are_text_and_no_other_script_runs(self, browser: Browser, path: Path) -> None:
        browser.open(path)
        assert browser.evaluate("document.title") == HOSTILE
        assert browser.evaluate("document.querySelector('h2').textContent") == HOSTILE
        assert browser.evaluate("document.scripts.length") == 1
        hostile = "document.createElement('script')"
        browser.evaluate(
            f"(s => {{ s.textContent = 'document.title = 1'; document.body.append(s) }})({hostile})"
        )
        assert browser.evaluate("document.title") == HOSTILE

    def test_fits_a_phone(self, browser: Browser, path: Path) -> None:
        size = {"width": 390, "height": 800, "deviceScaleFactor": 2, "mobile": True}
        browser.call("Emulation.setDeviceMetricsOverride", **size)
        browser.open(path)
        wide = browser.evaluate("document.documentElement.scrollWidth")
        browser.call("Emulation.clearDeviceMetricsOverride")
        assert wide <= 390
