"""Frozen dataclasses are configuration: read from TOML, changed by ``key=value``, written back."""

from __future__ import annotations

import dataclasses
import tomllib
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import NoneType
from typing import Any, ClassVar, TypeVar

from faceveil.core.errors import UsageError
from faceveil.core.ranges import faults

T = TypeVar("T")


class Strict:
    """Base of every configuration dataclass.

    An unknown or ill-typed field is refused by name, and one outside the range that its annotation
    states (see :mod:`faceveil.core.ranges`) wherever an instance is made, from TOML or in Python.
    """

    __pydantic_config__: ClassVar[dict[str, object]] = {"extra": "forbid"}

    def __post_init__(self) -> None:
        if found := faults(self):
            raise UsageError(f"{_title(self)}: {'; '.join(found)}.")


def build(kind: type[T], values: Mapping[str, Any], *, where: str) -> T:
    """An instance of the dataclass ``kind`` from plain values.

    Args:
        kind: a frozen dataclass derived from :class:`Strict`; nested ones are built too.
        values: mapping as TOML or JSON gives it; as TOML has no null, "none" stands for it in a
            field that may be None and holds no text.
        where: what the values belong to, for the message.

    Raises:
        UsageError: a value is missing, unknown or of the wrong type; every one is named.
    """
    from pydantic import TypeAdapter, ValidationError

    optional = _optional(kind)
    given = {
        key: None if key in optional and value in ("none", "None") else value
        for key, value in dict(values).items()
    }
    try:
        built: T = TypeAdapter(kind).validate_python(given)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(str(part) for part in fault['loc'])}: {_fault(fault)}"
            for fault in error.errors()
        )
        raise UsageError(f"{where}: {faults}.") from None
    return built


def _optional(kind: type[Any]) -> set[str]:
    """The fields that may be None and hold no text, in which "none" is a word like any other."""
    hints = {name: typing.get_args(hint) for name, hint in typing.get_type_hints(kind).items()}
    return {name for name, kinds in hints.items() if NoneType in kinds and str not in kinds}


def plain(config: Any) -> dict[str, Any]:
    """The dataclass ``config`` as nested dicts, lists and plain values, as JSON holds them."""
    result: dict[str, Any] = _plain(config)
    return result


def read(path: Path) -> dict[str, Any]:
    """The mapping a TOML file holds.

    Raises:
        UsageError: the file cannot be read or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror}).") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: is not valid TOML: {error}.") from None


def write(config: Any) -> str:
    """The dataclass ``config`` as TOML text; TOML has no null, so fields that are None go."""
    import tomli_w

    return tomli_w.dumps(_without_none(plain(config)))


def layered(
    files: Sequence[Path], entries: Mapping[str, Any], settings: Sequence[str]
) -> dict[str, Any]:
    """Values from TOML files, then of ``entries``, then of ``settings``; what comes later wins.

    Args:
        files: of the same table, each replacing whole top-level values of those before.
        entries: see :func:`put`.
        settings: see :func:`assign`.

    Raises:
        UsageError: a file cannot be read, or a key runs through something that is no table.
    """
    values: dict[str, Any] = {}
    for path in files:
        values |= read(path)
    return assign(put(values, entries), settings)


def assign(values: Mapping[str, Any], settings: Sequence[str]) -> dict[str, Any]:
    """A copy of ``values`` with each ``dotted.key=value`` applied; values are read as TOML.

    A value that is not TOML is taken as a string, so ``method=tip-im`` needs no quotes.

    Raises:
        UsageError: a setting has no ``=``, or its key runs through something that is no table.
    """
    parsed = {}
    for setting in settings:
        key, equals, text = setting.partition("=")
        if not equals or not key.strip():
            raise UsageError(
                f"--set {setting}: write it as key=value, for example method.steps=50."
            )
        parsed[key.strip()] = _value(text.strip())
    return put(values, parsed)


def put(values: Mapping[str, Any], entries: Mapping[str, Any]) -> dict[str, Any]:
    """A copy of the nested ``values`` with each ``{"dotted.key": value}`` entry put in its place.

    Raises:
        UsageError: a key runs through something that is no table.
    """
    result = _copy(values)
    for key, value in entries.items():
        *tables, last = key.split(".")
        table = result
        for name in tables:
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise UsageError(f"{key}: {name} is a value, not a table.")
        table[last] = value
    return result


def dotted(values: Mapping[str, Any]) -> dict[str, Any]:
    """Nested ``values`` as what :func:`put` changes field by field.

    A table with a ``name`` says what the thing is, and goes in whole.
    """
    entries: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, Mapping) and "name" not in value:
            entries |= {f"{key}.{inner}": one for inner, one in dotted(value).items()}
        else:
            entries[key] = value
    return entries


def _title(config: Any) -> str:
    """What users call a configuration: by its class's own name, if that has one."""
    kind = type(config)
    if any(field.name == "name" for field in dataclasses.fields(kind)):
        return kind.__name__.lower()
    return str(getattr(kind, "name", kind.__name__.lower()))


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    if isinstance(value, Path):
        return str(value)
    return value


def _without_none(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_none(inner) for key, inner in value.items() if inner is not None}
    if isinstance(value, list):
        return [_without_none(inner) for inner in value]
    return value


def _copy(values: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _copy(value) if isinstance(value, Mapping) else value for key, value in values.items()
    }


def _value(text: str) -> Any:
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _fault(fault: Mapping[str, Any]) -> str:
    if fault["type"] == "unexpected_keyword_argument":
        return "there is no such field"
    message = str(fault["msg"])
    return message[:1].lower() + message[1:]
