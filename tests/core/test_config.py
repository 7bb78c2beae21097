from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceveil.core import config
from faceveil.core.config import Strict
from faceveil.core.errors import UsageError


@dataclass(frozen=True)
class Inner(Strict):
    steps: int = 3
    kind: Literal["a", "b"] = "a"


@dataclass(frozen=True)
class Outer(Strict):
    name: str
    eps: float = 1.5
    folder: Path | None = None
    said: str | None = None
    inner: Inner = Inner()
    many: tuple[Inner, ...] = ()
    pair: tuple[float, float] = (0.0, 1.0)


def test_plain_values_become_nested_dataclasses() -> None:
    values = {"name": "x", "folder": "a/b", "inner": {"steps": 4}, "many": [{}, {"kind": "b"}]}
    built = config.build(Outer, values, where="here")
    assert built == Outer("x", 1.5, Path("a/b"), None, Inner(4), (Inner(), Inner(kind="b")))


@pytest.mark.parametrize(
    ("values", "fault"),
    [
        ({}, r"name: "),
        ({"name": "x", "nmae": 1}, r"nmae: there is no such field"),
        ({"name": "x", "inner": {"stesp": 1}}, r"inner\.stesp: there is no such field"),
        ({"name": "x", "many": [{}, {"stesp": 1}]}, r"many\.1\.stesp: there is no such field"),
        ({"name": "x", "eps": "much"}, r"eps: .*number"),
        ({"name": 3}, r"name: .*string"),
        ({"name": "x", "inner": {"steps": 1.5}}, r"inner\.steps: .*integer"),
        ({"name": "x", "inner": {"kind": "c"}}, r"inner\.kind: "),
        ({"name": "x", "inner": 7}, r"inner: "),
        ({"name": "x", "pair": [1.0]}, r"pair\.1: "),
    ],
)
def test_what_does_not_fit_is_refused_by_name(values: dict[str, object], fault: str) -> None:
    with pytest.raises(UsageError, match=rf"^here\.toml: .*{fault}"):
        config.build(Outer, values, where="here.toml")


def test_every_fault_is_named_at_once() -> None:
    with pytest.raises(UsageError, match=r"(?s)name: .*eps: .*typo: "):
        config.build(Outer, {"name": 1, "eps": "x", "typo": 0}, where="here")


def test_none_unsets_what_may_be_none_and_nothing_else() -> None:
    values = {"name": "none", "folder": "none", "said": "none"}
    built = config.build(Outer, values, where="here")
    assert built == Outer("none", folder=None, said="none")
    with pytest.raises(UsageError, match="eps"):
        config.build(Outer, {"name": "x", "eps": "none"}, where="here")


def test_building_leaves_the_values_alone() -> None:
    values = {"name": "x", "inner": {"steps": 4}}
    config.build(Outer, values, where="here")
    assert values == {"name": "x", "inner": {"steps": 4}}


outers = st.builds(
    Outer,
    name=st.text(),
    eps=st.floats(allow_nan=False),
    folder=st.none() | st.just(Path("some/folder")),
    inner=st.builds(Inner, steps=st.integers(-(2**63), 2**63 - 1), kind=st.sampled_from("ab")),
    many=st.lists(st.builds(Inner, steps=st.integers(0, 9)), max_size=3).map(tuple),
    pair=st.tuples(st.floats(allow_nan=False), st.floats(allow_nan=False)),
)


@settings(deadline=None)
@given(outers)
def test_toml_and_json_bring_every_configuration_back(outer: Outer) -> None:
    assert config.build(Outer, tomllib.loads(config.write(outer)), where="toml") == outer
    assert config.build(Outer, json.loads(json.dumps(config.plain(outer))), where="json") == outer


def test_read_gives_what_the_file_holds(tmp_path: Path) -> None:
    (tmp_path / "c.toml").write_text('name = "ü"\n[inner]\nsteps = 2\n', encoding="utf-8")
    assert config.read(tmp_path / "c.toml") == {"name": "ü", "inner": {"steps": 2}}


@pytest.mark.parametrize("data", [b"name = ", b"\xff\xfe", b"a = 1\na = 2"])
def test_a_file_that_is_not_toml_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "c.toml").write_bytes(data)
    with pytest.raises(UsageError, match=r"c\.toml: is not valid TOML"):
        config.read(tmp_path / "c.toml")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            config.read(path)


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ("eps=8", {"eps": 8}),
        (" eps = 8.5 ", {"eps": 8.5}),
        ("name=tip-im", {"name": "tip-im"}),
        ('name="8"', {"name": "8"}),
        ("name=a=b", {"name": "a=b"}),
        ("name=", {"name": ""}),
        ("keep=true", {"keep": True}),
        ("pair=[1, 2.5]", {"pair": [1, 2.5]}),
        ("inner.steps=9", {"inner": {"steps": 9, "kind": "a"}}),
        ("new.table.key=1", {"new": {"table": {"key": 1}}}),
    ],
)
def test_assign_reads_values_as_toml(setting: str, expected: dict[str, object]) -> None:
    values = {"inner": {"steps": 1, "kind": "a"}}
    assert config.assign(values, [setting]) == values | expected
    assert values == {"inner": {"steps": 1, "kind": "a"}}


def test_the_last_assignment_wins() -> None:
    assert config.assign({}, ["a=1", "a=2"]) == {"a": 2}


def test_later_layers_win_and_files_replace_whole_tables(tmp_path: Path) -> None:
    first, second = tmp_path / "first.toml", tmp_path / "second.toml"
    first.write_text("a = 1\nb = 1\nc = 1\n[inner]\nx = 1\n", encoding="utf-8")
    second.write_text("b = 2\nc = 2\n[inner]\ny = 2\n", encoding="utf-8")
    layered = config.layered([first, second], {"c": 3, "inner.z": 3}, ["inner.z=4"])
    assert layered == {"a": 1, "b": 2, "c": 3, "inner": {"y": 2, "z": 4}}


@pytest.mark.parametrize("setting", ["eps", "=8", " = 8", ""])
def test_a_setting_that_is_none_is_refused(setting: str) -> None:
    with pytest.raises(UsageError, match="write it as key=value"):
        config.assign({}, [setting])


def test_a_key_through_a_value_is_refused() -> None:
    with pytest.raises(UsageError, match="eps is a value, not a table"):
        config.assign({"eps": 8}, ["eps.inner=1"])
