"""A protocol's fields as help shows them."""

from __future__ import annotations

import tomllib

import pytest

from faceveil.bench.fields import fields
from faceveil.bench.protocol import Protocol
from faceveil.bench.protocols.adapted import Adapted
from faceveil.bench.protocols.psr import Psr
from faceveil.bench.registry import PROTOCOLS
from faceveil.core import config
from faceveil.core.described import Described, toml


def own(protocol: type[Protocol]) -> dict[str, Described]:
    """The protocol's own fields by name."""
    (first, *_) = fields(protocol).values()
    return {field.name: field for field in first}


def test_a_field_has_its_name_type_default_and_what_its_class_says() -> None:
    assert own(Psr)["probes"] == Described(
        "probes", "str", '"150:200"', "who is protected, as a selection of people."
    )
    assert own(Psr)["alignment"].text == (
        "how they come to look at a picture: detector, aligned or whole."
    )
    assert own(Psr)["data"].text == "what is measured on, see faceveil.data.open."
    assert own(Psr)["levels"].default == "[50.0, 70.0]"


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=PROTOCOLS)
def test_every_field_is_described_and_defaults_are_toml(protocol: type[Protocol]) -> None:
    values = {}
    for described in fields(protocol).values():
        for field in described:
            assert field.text, field
    for name, field in own(protocol).items():
        values[name] = tomllib.loads(f"value = {field.default}")["value"]
    assert config.build(protocol, values | {"data": "x"}, where="help") == protocol(data="x")


def test_what_stands_in_a_field_is_described_too() -> None:
    titles = list(fields(Adapted))
    assert [title.split(",")[0] for title in titles[1:]] == [
        "Of Unknowing",
        "Of Knowing",
    ]
    inner = {field.name: field for field in fields(Adapted)[titles[1]]}
    assert inner["kind"].default == ""
    assert inner["veiled"].default == "0.5"


@pytest.mark.parametrize("value", ['a "b"', 3, 0.5, True, [1, [2]], {"a": {"b": ["c"]}}, [], {}])
def test_values_are_written_as_toml(value: object) -> None:
    assert tomllib.loads(f"value = {toml(value)}")["value"] == value
