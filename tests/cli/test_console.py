"""Progress off a terminal is a line now and then, with the time left."""

from __future__ import annotations

import pytest

from faceveil.cli import console
from faceveil.cli.console import Lines


class Clock:
    """Time that passes when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def run(lines: Lines, clock: Clock, *, n: int, each_s: float) -> None:
    for _ in range(n):
        clock.now += each_s
        lines(1.0)


def test_a_line_in_half_a_minute_says_how_far_and_how_long(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Lines("Measuring", 750, clock)
    run(lines, clock, n=5, each_s=7)
    assert capsys.readouterr().err == "Measuring: 5 of 750, about 87 min left\n"
    run(lines, clock, n=4, each_s=7)
    assert capsys.readouterr().err == ""
    run(lines, clock, n=1, each_s=7)
    assert capsys.readouterr().err == "Measuring: 10 of 750, about 86 min left\n"


def test_of_few_items_it_says_the_share(clock: Clock, capsys: pytest.CaptureFixture[str]) -> None:
    lines = Lines("Veiling", 4, clock)
    for _ in range(5):
        clock.now += 8
        lines(0.1)
    assert capsys.readouterr().err == "Veiling: 10%, about 5 min left\n"


def test_what_was_known_before_does_not_count_as_speed(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = Lines("Training", 1000, clock)
    lines(900)
    run(lines, clock, n=40, each_s=1)
    assert capsys.readouterr().err == "Training: 930 of 1000, about 70 s left\n"


def test_long_runs_fill_no_log_and_are_never_silent_for_long(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    hours = 10
    run(Lines("Measuring", 10**6, clock), clock, n=3600 * hours, each_s=1)
    said = capsys.readouterr().err.splitlines()
    assert 6 * hours <= len(said) <= 12 * hours


def test_quick_work_and_the_end_say_nothing(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    run(Lines("Veiling", 20, clock), clock, n=20, each_s=1)
    run(Lines("Veiling", 1, clock), clock, n=1, each_s=600)
    assert capsys.readouterr().err == ""


def test_off_a_terminal_progress_is_lines_and_what_is_said_between(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with console.progress("Veiling", 3) as (advance, say):
        assert isinstance(advance, Lines)
        advance(1.0)
        say("photo.jpg: no face")
    assert capsys.readouterr().err == "photo.jpg: no face\n"
