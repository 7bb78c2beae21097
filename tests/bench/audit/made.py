"""Audits nobody had to carry out."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from faceveil.bench.audit.figures import figures_of
from faceveil.bench.audit.found import Found, Kind
from faceveil.bench.audit.protocol import Inversion, case_folder
from faceveil.bench.folder import environment
from faceveil.core import config
from faceveil.measures.rate import Rate

PEOPLE = ("ann", "bob")


def rate(mean: float, n: int = 20) -> Rate:
    return Rate(mean, n, max(mean - 0.1, 0), min(mean + 0.1, 1))


def found(defence: str, seed: int, kind: Kind, what: str, **means: float) -> Found:
    """A line; a measure's ``_at_`` stands for ``@``."""
    figures = {name.replace("_at_", "@"): rate(mean) for name, mean in means.items()}
    threat = "white-box" if kind == "attack" else ""
    return Found(defence, seed, kind, what, threat, figures)


def everything() -> list[Found]:
    """Two defences, two seeds, two attacks, of which another is the stronger on each defence."""
    lines = []
    for seed in (0, 1):
        for defence, a, b in (("none", 0.8, 0.5), ("ahm", 0.2, 0.3)):
            more = seed / 10
            lines += [
                found(defence, seed, "recognition", "held-out photos", rank=0.9 + more),
                found(defence, seed, "attack", "eigenfaces", Acc_at_1=a + more, NN_at_1=a),
                found(defence, seed, "attack", "mi-face", Acc_at_1=b + more, NN_at_1=b),
                found(defence, seed, "membership", "membership", AUC=0.6),
                found(defence, seed, "floor", "mean public face", Acc_at_1=0.05, NN_at_1=0.05),
                found(defence, seed, "ceiling", "held-out photos", Acc_at_1=1, NN_at_1=1),
            ]
    return lines


def write_audit(folder: Path, lines: Iterable[Found], **fields: Any) -> Path:
    """A run's folder as ``faceveil bench inversion`` leaves it, with pictures."""
    lines = list(lines)
    folder.mkdir(parents=True)
    defences: dict[str, dict[str, Any]] = {one.defence: {} for one in lines}
    audit = Inversion(**{"defences": defences, "recipe": {"data": "/some/where/faces"}, **fields})
    text = f'protocol = "{audit.name}"\n{config.write(audit)}'
    (folder / "protocol.toml").write_text(text, encoding="utf-8")
    for name, value in (
        ("environment.json", environment(["mobilefacenet"], "cpu")),
        ("figures.json", [one.record() for one in figures_of(lines, audit.control)]),
    ):
        (folder / name).write_text(json.dumps(value), encoding="utf-8")
    results = "".join(json.dumps(config.plain(one)) + "\n" for one in lines)
    (folder / "results.jsonl").write_text(results, encoding="utf-8")
    timing = {"part": "Training", "case": "none, seed 0", "seconds": 60.0}
    (folder / "timings.jsonl").write_text(json.dumps(timing) + "\n", encoding="utf-8")
    places = {folder / "private"} | {
        case_folder(folder, one.defence, one.seed) / "inverted" / one.what
        for one in lines
        if one.kind == "attack"
    }
    for place in places:
        place.mkdir(parents=True)
        for person in PEOPLE:
            Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(place / f"{person}.png")
    return folder
