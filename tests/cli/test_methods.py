"""``faceveil methods`` through the real command line."""

from __future__ import annotations

import json

from tests.cli.conftest import Run

from faceveil.app.settings import Settings
from faceveil.core import config
from faceveil.masks.registry import METHODS


def test_every_method_is_listed_with_what_it_is(faceveil: Run) -> None:
    done = faceveil("methods")
    assert done.returncode == 0, done.stderr.decode()
    names = [line.split()[0] for line in done.stdout.decode().splitlines() if line.strip()]
    assert set(METHODS) <= set(names)
    assert METHODS["tip-im"].summary.split()[0] in done.stdout.decode()


def test_one_method_is_shown_with_its_settings_and_defaults(faceveil: Run) -> None:
    done = faceveil("methods", "veil")
    assert done.returncode == 0, done.stderr.decode()
    shown = dict(
        line.split(maxsplit=1)
        for line in done.stdout.decode().splitlines()
        if "." in line and len(line.split()) >= 2
    )
    plain = Settings().plain()
    for room in ("method", "budget", "views"):
        for name in plain[room].keys() - {"name"}:
            assert f"{room}.{name}" in shown
    steps = str(plain["method"]["steps"])
    assert shown["method.steps"].split() == [steps, "int,", "at", "least", "1", "iterations."]
    assert shown["budget.eps"].split()[0] == str(plain["budget"]["eps"])


def test_the_json_is_what_settings_are_built_from(faceveil: Run) -> None:
    done = faceveil("methods", "--json")
    assert done.returncode == 0, done.stderr.decode()
    records = json.loads(done.stdout)
    assert list(records) == list(METHODS)
    for name, record in records.items():
        assert record["summary"]
        settings = Settings.build(
            {
                "method": {"name": name} | record["method"],
                "budget": record["budget"],
                "views": record["views"],
            }
        )
        assert settings.method == METHODS[name]()
        assert config.plain(settings.budget) == record["budget"]


def test_an_unknown_method_is_a_sentence_and_exit_2(faceveil: Run) -> None:
    done = faceveil("methods", "magic", "--json")
    assert done.returncode == 2
    assert b"no method 'magic'; known are veil" in done.stderr
    assert b"Traceback" not in done.stderr
    assert done.stdout == b""
