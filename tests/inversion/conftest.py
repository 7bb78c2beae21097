"""A recogniser trained for a moment on people who are blots, and the faces around it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.training.conftest import drawn_crops, open_loop, run_loop, tiny_recipe

from faceveil.core.seeds import derive
from faceveil.inversion import leaks, stage
from faceveil.inversion.attack import Attack
from faceveil.inversion.gan import GanSettings
from faceveil.inversion.kept import Kept
from faceveil.inversion.problem import Problem
from faceveil.inversion.recovery import Unmasking
from faceveil.inversion.stage import Stage
from faceveil.training.ahm import Ahm
from faceveil.training.batches import fingerprint
from faceveil.training.crops import Crops
from faceveil.training.defence import Defence, Undefended
from faceveil.training.finished import Finished
from faceveil.training.strategy import StrategySettings

QUICK: dict[str, Any] = {
    "steps": 3,
    "batch": 4,
    "searches": 2,
    "components": 5,
    "gan": GanSettings(latent=6, steps=3, batch=4),
    "tuning": 2,
    "lessons": 2,
    "points": 4,
}
"""Of whichever of these fields an attack has."""


def quick(kind: type[Attack], **fields: Any) -> Attack:
    """The attack with few steps."""
    few = {name: value for name, value in QUICK.items() if name in kind.__dataclass_fields__}
    return kind(**{**few, **fields})


def trained(folder: Path, crops: Crops, defence: Defence | None = None, **fields: Any) -> Finished:
    """A run on four of the people; two are strangers, and of each two photos are held out."""
    recipe = tiny_recipe(held_out_people="4:6", defence=defence or Undefended(), epochs=6, **fields)
    loop = run_loop(open_loop(recipe, folder, crops))
    parts = loop.batches.split
    photos = fingerprint(loop.batches.crops, parts)
    return Finished(recipe, loop._learner.eval(), parts.people, photos, loop.step)


@pytest.fixture(scope="session")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """Four people trained on, two public ones, 16 px."""
    crops = drawn_crops()
    run = trained(tmp_path_factory.mktemp("run"), crops)
    return stage.of_run(run, "people", "", lambda spec: crops)


@pytest.fixture(scope="session")
def mixed_scene(tmp_path_factory: pytest.TempPathFactory) -> Stage:
    """The same, trained on mixes of two."""
    crops = drawn_crops()
    mixes = Ahm(domain="pixels", strategy=StrategySettings("fixed", k=2), draws="seeded")
    run = trained(tmp_path_factory.mktemp("mixed"), crops, mixes)
    return stage.of_run(run, "people", "", lambda spec: crops)


@pytest.fixture
def pose(scene: Stage) -> Callable[..., Problem]:
    """``pose(attack, person)``: what the attack is given, and everything that could have leaked."""

    def make(attack: Attack, person: str, *, of: Stage = scene, **fields: Any) -> Problem:
        label = of.victim.people.index(person)
        leaked = None
        if of.run is not None:
            labels = of.private.labels(of.victim.people)
            leak = (
                leaks.masked_queries(of.run, of.private.photos, labels)
                if attack.threat == "masked queries"
                else leaks.masked_inputs(of.run, of.private.photos, labels, seed=0)
            )
            leaked = attack.gathered(leak) if isinstance(attack, Unmasking) else leaks.whole(leak)
        with torch.no_grad():
            template = of.victim.embed(of.private.first([person]))[0]
        problem = Problem(
            of.victim,
            label,
            of.public.photos,
            derive(0, attack.name, person),
            Kept(),
            template,
            leaked,
        )
        return replace(problem, **fields)

    return make
