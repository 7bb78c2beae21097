"""An audit carried out: every recogniser trained, attacked and judged, resumable at any point."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import torch

from faceveil.app.pool import each, n_cores
from faceveil.app.train import Bar, unseen
from faceveil.bench.audit.figures import figures_of
from faceveil.bench.audit.protocol import Case, Inversion
from faceveil.bench.audit.work import CROPS, SHARED, Work
from faceveil.bench.figure import Figure
from faceveil.bench.folder import (
    ENVIRONMENT,
    FIGURES,
    RESULTS,
    TIMINGS,
    claim,
    environment,
    keep_to,
    one_thread,
    write,
    write_lines,
)
from faceveil.bench.origins import code
from faceveil.core import config
from faceveil.data.open import is_pictures, open_pictures
from faceveil.data.pictures import select
from faceveil.faces.detect import Detector
from faceveil.io import atomic
from faceveil.io.encode import png
from faceveil.training import lines
from faceveil.training.crops import PUBLIC, Crops, cut
from faceveil.training.recipe import Recipe
from faceveil.training.split import split

PRIVATE = "private"
"""Of a run: a training photo of each person attacked, for the report."""


def carry_out(
    audit: Inversion,
    folder: Path,
    *,
    device: str = "cpu",
    n_processes: int | None = None,
    bar: Bar = unseen,
) -> list[Figure]:
    """Carry an audit out and write what came of it into ``folder``.

    ``folder`` then holds ``protocol.toml``, ``environment.json``, ``results.jsonl`` (a line for
    everything measured of a recogniser), ``timings.jsonl`` and ``figures.json`` like any run of the
    bench; ``cases/DEFENCE-SEED`` with the recogniser and what was recovered from it; and the
    private faces: it is for the auditor alone. Called again it goes on where it was stopped, and
    ends with the figures of an audit that never was.

    Args:
        audit: what to do.
        folder: made if it is missing; one that holds another run is refused.
        device: where to compute.
        n_processes: recognisers worked on at a time, each in one thread; one a core if None.
        bar: shows how far training, and then attacking, has come.

    Raises:
        UsageError: the folder is another run's, or something in the audit does not fit together.
        ModelError: the loss of a recogniser is no longer a number; it is said whose.
    """
    cases, _ = audit.cases(), audit.made()
    claim(folder, f'protocol = "{audit.name}"\n{config.write(audit)}')
    keep_to(folder, code("faceveil.app.train", "faceveil.app.invert"))
    work = Work(audit, folder.resolve(), device)
    n_processes = n_processes or n_cores()
    timings = folder / TIMINGS
    lines.rewrite(timings, lines.read(timings))
    recipe = cases[0].recipe
    with one_thread():
        crops = _cut_out(recipe.data, recipe, folder / CROPS, device, bar)
        _show(audit, recipe, crops, folder / PRIVATE)
        if audit.public and is_pictures(audit.public):
            _cut_out(audit.public, recipe, folder / SHARED / PUBLIC, device, bar)
        for title, do, is_done in (
            ("Training", work.train, work.is_trained),
            ("Attacking", work.attack, work.is_attacked),
        ):
            left = [case for case in cases if not is_done(case)]
            with bar(title, len(left)) as (advance, _):
                for name, seconds in each(left, partial(_start, do), n_processes=n_processes):
                    advance(1.0)
                    took = {"part": title, "case": name, "seconds": seconds}
                    lines.append(timings, took)
        found = [one for case in cases for one in work.found(case)]
        judges = {work.inversion(case)["judge"] for case in cases}
        write(folder / ENVIRONMENT, environment(sorted(judges), device))
        write_lines(folder / RESULTS, [config.plain(one) for one in found])
        figures = figures_of(found, audit.control)
        write(folder / FIGURES, [figure.record() for figure in figures])
    return figures


def _start(do: Callable[[Case], None]) -> Callable[[Case], tuple[str, float]]:
    """What a process does with each case: the work, and its name and how long it took."""
    torch.set_num_threads(1)  # more would change last digits

    def timed(case: Case) -> tuple[str, float]:
        began = time.monotonic()
        do(case)
        return f"{case.defence}, seed {case.seed}", round(time.monotonic() - began, 1)

    return timed


def _cut_out(data: str, recipe: Recipe, folder: Path, device: str, bar: Bar) -> Crops:
    """All faces in some data, once for all recognisers and before any two could do it at once."""
    pictures = list(open_pictures(data))
    with bar("Cutting out faces", len(pictures)) as (advance, _):
        return cut(
            pictures,
            recipe.alignment,
            recipe.size_px,
            folder,
            load_detector=partial(Detector.load, device),
            advance=advance,
        )


def _show(audit: Inversion, recipe: Recipe, crops: Crops, folder: Path) -> None:
    """The first training photo of each person attacked, as a PNG file.

    Raises:
        UsageError: the audit's people are not among those trained on; so it is said at once.
    """
    parts = split(
        crops.people,
        held_out_people=recipe.held_out_people,
        held_out_photos=recipe.held_out_photos,
    )
    for person in select(parts.people, audit.people):
        photo = next(index for index in parts.train if crops.people[index] == person)
        atomic.write(folder / f"{person}.png", png(crops.pixels[photo]), overwrite=True)
