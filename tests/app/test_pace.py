"""How many steps fit the time there is."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.app.conftest import QUICK

from faceveil.app import pace
from faceveil.app.settings import Settings
from faceveil.core.errors import UsageError


@pytest.mark.parametrize(
    ("seconds", "first", "each", "fitting"),
    [(5.0, 1.0, 0.5, 9), (1.0, 1.0, 0.5, 1), (0.5, 1.0, 0.5, 0), (1.24, 1.0, 0.25, 1)],
)
def test_what_fits(seconds: float, first: float, each: float, fitting: int) -> None:
    assert pace.fit(seconds, first, each) == fitting


def test_time_enough_leaves_settings_as_they_are(portrait_path: Path) -> None:
    settings = Settings.build(QUICK)
    assert pace.within(settings, 1e6, [portrait_path]) == settings


def test_more_time_allows_more_steps(portrait_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.build(QUICK | {"method": {"steps": 24}})
    times = iter((9.0, 2.0, 4.0))  # the first is thrown away; then one step, then five
    monkeypatch.setattr(pace, "_seconds", lambda _: next(times))
    paced = pace.within(settings, 5.0, [portrait_path])
    assert paced == Settings.build(QUICK | {"method": {"steps": 7}})


def test_files_that_show_nobody_are_passed_over(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff no photo")
    settings = Settings.build(QUICK)
    assert pace.within(settings, 1.0, [broken]) is settings


def test_no_time_at_all_is_refused(portrait_path: Path) -> None:
    with pytest.raises(UsageError, match=r"One step takes [\d.]+ s a face here"):
        pace.within(Settings.build(QUICK), 1e-6, [portrait_path])


@pytest.mark.parametrize("seconds", [0.0, -1.0, float("nan"), float("inf")])
def test_what_is_no_time_is_refused(seconds: float, portrait_path: Path) -> None:
    with pytest.raises(UsageError, match="seconds above 0"):
        pace.within(Settings.build(QUICK), seconds, [portrait_path])


@pytest.mark.parametrize(
    "values", [{"method": {"name": "blur"}}, {"people": {"keys": ["0" * 64]}}], ids=str
)
def test_what_makes_no_steps_is_refused(values: dict[str, object], portrait_path: Path) -> None:
    with pytest.raises(UsageError, match="makes none"):
        pace.within(Settings.build(values), 5.0, [portrait_path])
