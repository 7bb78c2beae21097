"""A run: a protocol carried out, resumable at any item, and the folder its results lie in."""

from __future__ import annotations

import os
import random
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import platformdirs

from faceveil.app.pool import each, n_cores
from faceveil.app.train import Bar, unseen
from faceveil.bench import lessons as teaching
from faceveil.bench import work
from faceveil.bench.figure import Figure
from faceveil.bench.folder import (
    ENVIRONMENT,
    FIGURES,
    RESULTS,
    TIMINGS,
    claim,
    environment,
    one_thread,
    write,
    write_lines,
)
from faceveil.bench.lessons import Lesson
from faceveil.bench.protocol import Items, Plan, Protocol
from faceveil.bench.task import Item, Scene, Task, Victim
from faceveil.core import config


def default_cache() -> Path:
    """Where results are kept between runs: in $FACEVEIL_HOME, else the platform's cache folder."""
    if root := os.environ.get("FACEVEIL_HOME"):
        return Path(root) / "bench.sqlite"
    return Path(platformdirs.user_cache_dir("faceveil", appauthor=False)) / "bench.sqlite"


def carry_out(
    protocol: Protocol,
    plan: Plan,
    folder: Path,
    *,
    cache: Path | None = None,
    device: str = "cpu",
    n_processes: int | None = None,
    keep_veiled: bool = False,
    bar: Bar = unseen,
) -> list[Figure]:
    """Carry ``protocol`` out and write what came of it into ``folder``.

    What an earlier run has worked out, of this protocol or another, is taken from the cache; so a
    run that was stopped goes on where it was.

    ``folder`` then holds ``protocol.toml``, ``environment.json``, ``results.jsonl`` (a line for
    every item, in the order of the plan), ``timings.jsonl`` and ``figures.json``.

    Args:
        protocol: what to measure.
        plan: of that protocol.
        folder: made if it is missing; one that holds another protocol's run is refused.
        cache: the file results are kept in; :func:`default_cache` if None.
        device: where to compute.
        n_processes: items worked on at a time, each in one thread; one for each core if None.
        keep_veiled: write the veiled pictures to ``folder / "veiled"``.
        bar: shows how far looking up what is known, and then the work, has come.

    Raises:
        UsageError: the folder is another run's, or what is left of the data is too little; then
            ``results.jsonl`` is there to see why.
        ModelError: a recogniser is missing.
    """
    claim(folder, f'protocol = "{protocol.name}"\n{config.write(protocol)}')
    unasked = Scene((), protocol.alignment, cache or default_cache(), device)
    n_processes = n_processes or n_cores()
    with one_thread():
        scene = replace(
            unasked,
            victims=(
                *(Victim(name, name) for name in protocol.victims),
                *_adapted(plan.lessons, unasked, n_processes, bar),
            ),
            keep=folder / "veiled" if keep_veiled else None,
        )
        items = _items(plan.tasks, scene, n_processes, bar)
        write(folder / ENVIRONMENT, environment(protocol.recognisers, device))
        write_lines(folder / RESULTS, [items.record(item) for item in items])
        write_lines(folder / TIMINGS, [_timing(item) for item in items if item.seconds])
        figures = plan.figures(items)
        write(folder / FIGURES, [figure.record() for figure in figures])
    return figures


def _adapted(lessons: Sequence[Lesson], scene: Scene, n_processes: int, bar: Bar) -> list[Victim]:
    """The victims that come of ``lessons``: first their veils are made, then they learn."""
    if not lessons:
        return []
    tasks = {task.name: task for lesson in lessons for task in lesson.tasks}
    _items(list(tasks.values()), scene, n_processes, bar)
    known = [victim for victim in teaching.recall(scene, lessons) if victim is not None]
    done = {victim.name: victim for victim in known}
    left = [lesson for lesson in lessons if lesson.name not in done]
    with bar("Adapting", len(left)) as (advance, _):
        for victim in each(left, partial(teaching.start, scene), n_processes=n_processes):
            advance(1.0)
            done[victim.name] = victim
    return [done[lesson.name] for lesson in lessons]


def _items(tasks: Sequence[Task], scene: Scene, n_processes: int, bar: Bar) -> Items:
    """Every task's item: what is known from earlier runs, then the rest."""
    done: dict[tuple[str, str], Item] = {}
    with bar("Looking up", len(tasks)) as (advance, _):
        for item in work.recall(scene, tasks):
            advance(1.0)
            if item is not None:
                done[item.task.name] = item
    left = [task for task in tasks if task.name not in done]
    bundles = work.bundles(left)
    # Slow and quick ones mixed, the time left follows from the time taken.
    random.Random(0).shuffle(bundles)
    with bar("Measuring", len(left)) as (advance, say):
        for finished in each(bundles, partial(work.start, scene), n_processes=n_processes):
            advance(float(len(finished)))
            done |= {item.task.name: item for item in finished}
    items = Items(done[task.name] for task in tasks)
    if out := {item.task.picture.name: item.fault for item in items if item.fault is not None}:
        name, fault = next(iter(out.items()))
        say(f"Left out: {len(out)} pictures, the first {name}: {fault}")
    return items


def _timing(item: Item) -> dict[str, Any]:
    arm, picture = item.task.name
    return {"arm": arm, "picture": picture, "seconds": item.seconds}
