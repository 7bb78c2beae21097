"""What the command line shows on standard error: progress, and lines above it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

err = Console(stderr=True, highlight=False, soft_wrap=True, markup=False)


@contextmanager
def progress(
    title: str, total: int
) -> Iterator[tuple[Callable[[float], None], Callable[[str], None]]]:
    """A bar over ``total`` items with the time left; gives ``advance(share)`` and ``say(line)``.

    Off a terminal there is no bar, only the lines.
    """
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
        disable=not err.is_terminal,
        speed_estimate_period=600,  # one photo may take longer than rich's half a minute
    ) as bars:
        task = bars.add_task(title, total=total)
        yield (lambda share: bars.advance(task, share)), err.print
