"""What can be set in an experiment, as its dataclass says: name, type, default and what it is."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import typing
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, dataclass
from typing import Any

from faceveil.bench.experiment import Experiment
from faceveil.core import config

_ENTRY = re.compile(r"^    (?P<names>\w+(?:, \w+)*): (?P<text>.*(?:\n {8}.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Described:
    """A field; ``default`` is as TOML writes it, empty where there is none."""

    name: str
    kind: str
    default: str
    text: str


def fields(experiment: type[Experiment]) -> dict[str, list[Described]]:
    """The fields of an experiment, then of each dataclass that its fields hold, by a title."""
    title = f"Fields, for --set FIELD=VALUE or --config FILE.toml, of {experiment.name}:"
    result: dict[str, type[Any]] = {title: experiment}
    hints = typing.get_type_hints(experiment)
    for field in dataclasses.fields(experiment):
        for kind in _dataclasses_in(hints[field.name]):
            result[f"Of {kind.__name__}, which stands in {field.name}:"] = kind
    return {title: _described(kind) for title, kind in result.items()}


def toml(value: Any) -> str:
    """A plain value on one line, as TOML writes it."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{name} = {toml(one)}" for name, one in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(toml(one) for one in value)}]"
    return json.dumps(value, ensure_ascii=False)


def _described(kind: type[Any]) -> list[Described]:
    texts = _texts(kind)
    return [
        Described(field.name, str(field.type), _default(field), texts.get(field.name, ""))
        for field in dataclasses.fields(kind)
    ]


def _default(field: dataclasses.Field[Any]) -> str:
    if field.default_factory is not MISSING:
        value = field.default_factory()
    elif field.default is not MISSING:
        value = field.default
    else:
        return ""
    return toml(config.plain(_Holder(value))["value"])


@dataclass(frozen=True)
class _Holder:
    """Any value, so that it can be made plain as a field is."""

    value: Any


def _texts(kind: type[Any]) -> dict[str, str]:
    """What is said of each field, by the class that introduced it."""
    found: dict[str, str] = {}
    for one in reversed(kind.__mro__):
        document = inspect.getdoc(one) if "__doc__" in vars(one) else None
        _, _, attributes = (document or "").partition("Attributes:\n")
        for entry in _ENTRY.finditer(attributes):
            for name in entry["names"].split(", "):
                found.setdefault(name, _without_markup(entry["text"]))
    return found


def _without_markup(text: str) -> str:
    """The text of a docstring on one line, as a reader sees it."""
    return re.sub(r":\w+:`~?([\w.]+)`|``(.*?)``", r"\1\2", " ".join(text.split()))


def _dataclasses_in(hint: Any) -> Iterator[type[Any]]:
    if dataclasses.is_dataclass(hint) and isinstance(hint, type):
        yield hint
    for inner in typing.get_args(hint):
        yield from _dataclasses_in(inner)
