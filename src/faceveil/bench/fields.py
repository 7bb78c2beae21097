"""What can be set in an experiment, and in what its fields hold."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from typing import Any

from faceveil.bench.experiment import Experiment
from faceveil.core.described import Described, described


def fields(experiment: type[Experiment]) -> dict[str, list[Described]]:
    """The fields of an experiment, then of each dataclass that its fields hold, by a title."""
    title = f"Fields, for --set FIELD=VALUE or --config FILE.toml, of {experiment.name}:"
    result: dict[str, type[Any]] = {title: experiment}
    hints = typing.get_type_hints(experiment)
    for field in dataclasses.fields(experiment):
        for kind in _dataclasses_in(hints[field.name]):
            result[f"Of {kind.__name__}, which stands in {field.name}:"] = kind
    return {title: described(kind) for title, kind in result.items()}


def _dataclasses_in(hint: Any) -> Iterator[type[Any]]:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        yield hint
    for inner in typing.get_args(hint):
        yield from _dataclasses_in(inner)
