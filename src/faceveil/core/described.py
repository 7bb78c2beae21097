"""The fields of a dataclass as its docstring says: name, type, default and what it is."""

from __future__ import annotations

import dataclasses
import inspect
import json
import re
import types
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass
from typing import Annotated, Any, Literal

from faceveil.core import config
from faceveil.core.ranges import ranges

_ENTRY = re.compile(r"^    (?P<names>\w+(?:, \w+)*): (?P<text>.*(?:\n {8}.*)*)", re.MULTILINE)


@dataclass(frozen=True)
class Described:
    """A field.

    Attributes:
        name: the field's.
        kind: what it takes, as ``int, at least 1``.
        default: as TOML writes it, empty where there is none.
        text: what it is.
    """

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
    hints = typing.get_type_hints(kind, include_extras=True)
    return [
        Described(field.name, _kind(hints[field.name]), _default(field), texts.get(field.name, ""))
        for field in dataclasses.fields(kind)
    ]


def _kind(hint: Any) -> str:
    """What an annotation lets in, and the ranges it states."""
    return ", ".join(dict.fromkeys([_type(hint), *map(str, ranges(hint))]))


def _type(hint: Any) -> str:
    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin is Annotated:
        return _type(inner[0])
    if origin is Literal:
        return " | ".join(map(toml, inner))
    if origin in (types.UnionType, typing.Union):
        return " | ".join(map(_type, inner))
    if hint in (Ellipsis, type(None)):
        return "..." if hint is Ellipsis else "None"
    name = getattr(hint if origin is None else origin, "__name__", str(hint))
    return f"{name}[{', '.join(map(_type, inner))}]" if inner else name


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
                found.setdefault(name, readable(" ".join(entry["text"].split())))
    return found


def readable(text: str) -> str:
    """A docstring's text without its markup."""
    return re.sub(r":\w+:`(?:~(?:\w+\.)*)?([\w.]+)`|``(.*?)``", r"\1\2", text)
