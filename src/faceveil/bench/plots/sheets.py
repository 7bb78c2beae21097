"""Every chart of some runs."""

from __future__ import annotations

import json
from collections.abc import Iterable

from faceveil.bench.charts import Sheet
from faceveil.bench.finished import Finished
from faceveil.bench.plots.gamma import cliff
from faceveil.bench.plots.privacy import privacy
from faceveil.bench.plots.robustness import robustness

SELECTIONS = ("alignment", "probes", "targets", "distractors", "calibration", "thresholds")
"""Fields of protocols that say what part each picture plays."""


def sheets(runs: Iterable[Finished]) -> list[tuple[list[str], list[Sheet]]]:
    """The charts of those runs together that are judged on the same, with the names of the runs."""
    alike: dict[str, list[Finished]] = {}
    for run in runs:
        alike.setdefault(_judged_on(run), []).append(run)
    return [
        ([run.name for run in group], [*privacy(group), *cliff(group), *robustness(group)])
        for group in alike.values()
    ]


def _judged_on(run: Finished) -> str:
    """The same for runs whose figures are comparable: the same pictures in the same parts."""
    pictures = sorted((line.picture, line.sha256) for line in run.lines if not line.arm)
    return json.dumps([[run.protocol.get(name) for name in SELECTIONS], pictures])
