"""Small recognisers given by their cards, generated people, and items nobody had to work out."""

from __future__ import annotations

import re
import sqlite3
import zlib
from collections.abc import Callable, Collection, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.conftest import tiny_recogniser

from faceveil.bench.damage import MEASURES
from faceveil.bench.protocol import Items, Plan
from faceveil.bench.protocols.psr import Psr
from faceveil.bench.protocols.tip_im import TipIm
from faceveil.bench.task import Item, Task
from faceveil.core import config
from faceveil.core.seeds import content_hash

QUICK = {"method": {"steps": 2}, "run": {"goal": "dodge"}}
"""For optimising methods: two steps, and nobody to be taken for."""


def write_card(folder: Path, name: str, weights: bytes) -> Path:
    """A recogniser's card and network in ``folder``; the path of the card."""
    card = tiny_recogniser(name, embedding_size=8).card
    card = replace(card, sha256=content_hash(weights), calibration=None)
    (folder / f"{name}.onnx").write_bytes(weights)
    path = folder / f"{name}.toml"
    path.write_text(config.write(card), encoding="utf-8")
    return path


def write_people(
    folder: Path, n_people: int, n_photos: int, *, side_px: int = 48, seed: int = 0
) -> Path:
    """People p00, p01 ... with square pictures 0.png, 1.png ...: grainy blots that differ a bit."""
    draw = np.random.default_rng(seed)
    for person in range(n_people):
        blots = draw.normal(128, 50, (6, 6, 3))
        for photo in range(n_photos):
            pixels = (blots + draw.normal(0, 25, blots.shape)).clip(0, 255).astype(np.uint8)
            image = Image.fromarray(pixels).resize((side_px, side_px), Image.Resampling.BICUBIC)
            grain = draw.normal(0, 6, (side_px, side_px, 3))
            image = Image.fromarray((np.asarray(image) + grain).clip(0, 255).astype(np.uint8))
            path = folder / f"p{person:02d}" / f"{photo}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            image.save(path)
    return folder


@pytest.fixture(scope="session")
def recognisers(
    tmp_path_factory: pytest.TempPathFactory, onnx_file: Callable[..., bytes]
) -> tuple[str, str, str]:
    """Three recognisers by the paths of their cards."""
    folder = tmp_path_factory.mktemp("recognisers")
    ada, bob, cid = (
        str(write_card(folder, name, onnx_file(seed=seed)))
        for seed, name in enumerate(("ada", "bob", "cid"))
    )
    return ada, bob, cid


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve people with three pictures each."""
    return write_people(tmp_path_factory.mktemp("people"), 12, 3)


@pytest.fixture
def tip_im(people: Path, recognisers: tuple[str, ...]) -> Callable[..., TipIm]:
    """``tip_im(field=value)``: two probes, two targets, one distractor, one surrogate."""

    def make(**fields: Any) -> TipIm:
        usual: dict[str, Any] = {
            "data": str(people),
            "alignment": "aligned",
            "probes": ":2",
            "targets": "2:4",
            "distractors": "4:5",
            "surrogates": recognisers[:1],
            "victims": recognisers[:2],
            "methods": ("mim", "darken"),
            "settings": {"mim": QUICK},
        }
        return TipIm(**{**usual, **fields})

    return make


@pytest.fixture
def psr(people: Path, recognisers: tuple[str, ...]) -> Callable[..., Psr]:
    """``psr(field=value)``: three probes, eight people to calibrate on, two victims."""

    def make(**fields: Any) -> Psr:
        usual: dict[str, Any] = {
            "data": str(people),
            "alignment": "aligned",
            "probes": ":3",
            "calibration": "4:12",
            "fars": (0.1, 0.01),
            "surrogates": recognisers,
            "victims": recognisers[:2],
            "methods": ("mim", "darken"),
            "levels": (60,),
            "settings": {"mim": QUICK},
        }
        return Psr(**{**usual, **fields})

    return make


def made_up(plan: Plan, victims: Sequence[str], *, lost: Collection[str] = ()) -> Items:
    """Items of a plan without any work: a person's embeddings scatter about one direction.

    Args:
        plan: whose tasks they are of.
        victims: who sees something, besides those the plan adapts.
        lost: names of pictures no face was found in.
    """
    everyone = (*victims, *(lesson.name for lesson in plan.lessons))
    return Items(_made_up(task, everyone, lost) for task in plan.tasks)


def _made_up(task: Task, victims: Sequence[str], lost: Collection[str]) -> Item:
    if task.picture.name in lost:
        return Item(task, fault="No face was found in this picture.")
    scatter = 0.7 if task.arm is None else 1.5
    embeddings = {
        (victim, treatment.name): torch.nn.functional.normalize(
            _draw(victim, task.picture.person)
            + scatter * _draw(victim, treatment.name, *task.name),
            dim=0,
        )
        for victim in victims
        for treatment in task.treatments
    }
    damage = {name: float(10 * _draw(name, *task.name)[0].abs()) for name in MEASURES}
    return Item(task, "0" * 64, {} if task.arm is None else damage, embeddings, 0.5)


def _draw(*words: str) -> torch.Tensor:
    text = re.sub(r"\S*/(?=[^/]*\.toml)", "", " ".join(words))  # wherever the cards lie
    draw = np.random.default_rng(zlib.crc32(text.encode()))
    return torch.from_numpy(draw.normal(size=8)).float()


def entries(cache: Path, kind: str = "") -> dict[str, bytes]:
    """What a cache holds by key, of one kind of result or of all; nothing if there is no cache."""
    if not cache.exists():
        return {}
    with closing(sqlite3.connect(cache, timeout=60)) as connection:
        try:
            rows = dict(connection.execute("SELECT key, value FROM entries").fetchall())
        except sqlite3.OperationalError:  # a run is just making it
            return {}
    return {key: value for key, value in rows.items() if key.startswith(kind)}
