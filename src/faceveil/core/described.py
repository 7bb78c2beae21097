"""The fields of a dataclass as its docstring says: name, type, default and what it is."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Any

from faceveil.core import config

_ENTRY = re.compile(r"^    (?P<names>\w+(?:, \w+)*): (?P<text>.*(?:\n {8}.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Described:
    """A field; ``default`` is as TOML writes it, empty where there is none."""

    name: str
    kind: str
    default: str
    text: str


def toml(value: Any) -> str:
    """A plain value on one line, as TOML writes it."""
    if isinstance(value, Mapping):
        inner = ", ".join(f"{name} = {toml(one)}" for name, one in value.items())
        return f"{{{inner}}}"
    if isinstance(value, list):
        return f"[{', '.join(toml(one) for one in value)}]"
    return json.dumps(value, ensure_ascii=False)


def described(kind: type[Any]) -> list[Described]:
    """The fields of a dataclass, each with what its class, or the one it is from, says of it."""
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
