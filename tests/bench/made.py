"""Finished runs that nobody had to carry out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from faceveil.bench.damage import MEASURES
from faceveil.bench.figure import Figure
from faceveil.bench.finished import Finished, read_run
from faceveil.core import config
from faceveil.measures.rate import Rate

VISIBLE = MEASURES["ssimulacra2"]
PSR_AT = {"method": "mim", "aim": "dodge", "SSIMULACRA2": "50", "left out": "dlib"}
TIP_IM_AT = {"method": "tip-im", "surrogate": "dlib", "gamma": "0", "N": "1"}


def rate(mean: float, n: int = 50, half: float = 0.05) -> Rate:
    return Rate(mean, n, mean - half, mean + half)


def figure(measure: str, at: Mapping[str, str], mean: float = 0.5, **others: Any) -> Figure:
    """A figure of 50 trials."""
    return Figure(measure, rate(mean), dict(at), **others)


def line(arm: str, picture: str, **others: Any) -> dict[str, Any]:
    """A line of results.jsonl."""
    usual = {"sha256": f"{picture}'s", "fault": None, "damage": {}, "cosine": {}}
    person = picture.partition("/")[0]
    return {"arm": arm, "picture": picture, "person": person, **usual, **others}


def write_run(
    folder: Path,
    figures: Iterable[Figure],
    lines: Iterable[Mapping[str, Any]] = (),
    *,
    seconds: Iterable[float] = (),
    **protocol: Any,
) -> Path:
    """A run's folder as ``faceveil bench`` leaves it."""
    folder.mkdir(parents=True)
    usual = {"protocol": "psr", "data": "/some/where/faces", "victims": ["dlib", "faceres"]}
    usual |= {"alignment": "detector", "seed": 0, "probes": ":50"}
    environment = {
        "versions": {"faceveil": "0.1.0", "torch": "2.6"},
        "python": "3.11.7",
        "machine": "x86_64, 2 cores",
        "device": "cpu",
        "recognisers": {"dlib": "a" * 64},
    }
    (folder / "protocol.toml").write_text(config.write({**usual, **protocol}), encoding="utf-8")
    (folder / "environment.json").write_text(json.dumps(environment), encoding="utf-8")
    records = [one.record() for one in figures]
    (folder / "figures.json").write_text(json.dumps(records), encoding="utf-8")
    (folder / "results.jsonl").write_text(_lines(lines), encoding="utf-8")
    timings = [{"arm": "a", "picture": "p", "seconds": one} for one in seconds]
    (folder / "timings.jsonl").write_text(_lines(timings), encoding="utf-8")
    return folder


def run(
    folder: Path, figures: Iterable[Figure], *lines: Mapping[str, Any], **fields: Any
) -> Finished:
    """Such a run, read back."""
    return read_run(write_run(folder, figures, lines, **fields))


def _lines(values: Iterable[Mapping[str, Any]]) -> str:
    return "".join(json.dumps(value) + "\n" for value in values)
