"""Every chart of some runs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence

from faceveil.bench.charts import Sheet
from faceveil.bench.finished import Finished
from faceveil.bench.plots.frontier import frontier
from faceveil.bench.plots.gamma import cliff
from faceveil.bench.plots.privacy import privacy
from faceveil.bench.plots.robustness import robustness

SELECTIONS = ("alignment", "probes", "targets", "distractors", "calibration", "thresholds")
AUDITED = ("recipe", "people", "public", "judge")
"""Fields of experiments that say what part each picture plays."""


def sheets(runs: Iterable[Finished]) -> list[tuple[list[str], list[Sheet]]]:
    """The charts of those runs together that are judged on the same, with the names of the runs."""
    alike: dict[str, list[Finished]] = {}
    for run in runs:
        alike.setdefault(_judged_on(run), []).append(run)
    return [([run.name for run in group], _charts(group)) for group in alike.values()]


def _charts(group: Sequence[Finished]) -> list[Sheet]:
    return [*frontier(group), *privacy(group), *cliff(group), *robustness(group)]


def _judged_on(run: Finished) -> str:
    """The same for runs whose figures are comparable: the same pictures in the same parts."""
    pictures = sorted((line.picture, line.sha256) for line in run.lines if not line.arm)
    selections = [run.protocol.get(name) for name in (*SELECTIONS, *AUDITED)]
    return json.dumps([selections, pictures])
