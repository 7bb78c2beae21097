"""What the command line shows on standard error: progress, and lines above it."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False, emoji=False)

LINE_S = 30.0
"""Off a terminal a line is printed this often; later on, when a tenth of the time has passed."""
MANY = 20
"""Of so many items it says how many are done, of fewer what share of the work."""
QUIET_S = 600.0
"""But it is never silent for longer than this, if anything is finished meanwhile."""

Shown = tuple[Callable[[float], None], Callable[[str], None]]
"""What advances a progress by a share of an item, and what says a line above it."""


def page(*, file_width: int | None = None) -> Console:
    """Standard output for tables; names and licences in them are text and no markup.

    Args:
        file_width: columns where it is a file or a pipe.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    if file_width is not None and not console.is_terminal:
        console.width = file_width
    return console


def progress(title: str, total: int) -> AbstractContextManager[Shown]:
    """Progress over ``total`` items with the time left; gives ``advance(share)`` and ``say(line)``.

    On a terminal it is a bar. Elsewhere, as in a log, it is a line now and then.
    """
    if err.is_terminal:
        return _bar(title, total)
    return nullcontext((Lines(title, total), err.print))


@contextmanager
def _bar(title: str, total: int) -> Iterator[Shown]:
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
    )
    with Progress(
        *columns,
        console=err,
        transient=True,
        speed_estimate_period=600,  # one photo may take longer than rich's half a minute
    ) as bars:
        task = bars.add_task(title, total=total)
        yield (lambda share: bars.advance(task, share)), err.print


class Lines:
    """Progress as lines such as ``Measuring: 120 of 750, about 14 min left``.

    What is done at once in the beginning, as when a run is gone on with, tells nothing of the
    speed: time is counted from the first advance on.
    """

    def __init__(self, title: str, total: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._title, self._total, self._clock = title, total, clock
        self._done = 0.0
        self._first: tuple[float, float] | None = None
        self._due = clock() + LINE_S

    def __call__(self, share: float) -> None:
        """Advance by ``share`` of an item."""
        self._done += share
        now = self._clock()
        if self._first is None:
            self._first = now, self._done
            return
        began, at_first = self._first
        if now < self._due or not at_first < self._done < self._total:
            return
        left_s = (self._total - self._done) * (now - began) / (self._done - at_first)
        share_done = self._done / self._total
        far = f"{self._done:.0f} of {self._total}" if self._total >= MANY else f"{share_done:.0%}"
        err.print(f"{self._title}: {far}, about {_duration(left_s)} left")
        self._due = now + min(max((now - began) / 10, LINE_S), QUIET_S)


def _duration(seconds: float) -> str:
    """Roughly, in the unit people would say it in."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = seconds / 60
    return f"{minutes:.0f} min" if minutes < 90 else f"{minutes / 60:.1f} h"
