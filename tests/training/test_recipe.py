"""Recipes: from TOML and back, what is refused, and those that come along."""

from __future__ import annotations

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import tomli_w
import torch

from faceveil.core.errors import UsageError
from faceveil.training import presets
from faceveil.training.backbones.ir import Ir50
from faceveil.training.defence import Undefended
from faceveil.training.learner import Learner
from faceveil.training.margins import CosFace
from faceveil.training.recipe import Recipe
from faceveil.training.schedules import Cosine, Steps


def test_a_recipe_comes_back_from_toml_as_it_was() -> None:
    recipe = Recipe(
        data="people",
        backbone=Ir50(dropout=0.4),
        margin=CosFace(m=0.4),
        defence=Undefended("grey"),
        schedule=Steps(milestones=(0.5,)),
    )
    text = tomli_w.dumps(recipe.plain())
    assert Recipe.build(tomllib.loads(text)) == recipe


def test_a_name_alone_chooses_with_defaults() -> None:
    built = Recipe.build({"data": "people", "backbone": "ir-50", "margin": {"m": 0.3}})
    assert built.backbone == Ir50()
    assert (built.margin.name, built.margin.m) == ("arcface", 0.3)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"data": ""}, "say what is trained on"),
        ({"name": "Mine"}, "recipe.name may hold a-z"),
        ({"name": "../mine"}, "recipe.name may hold a-z"),
        ({"epoch": 3}, "recipe: epoch: there is no such field"),
        ({"epochs": 0}, "epochs must be at least 1, not 0"),
        ({"batch": "many"}, "recipe: batch"),
        ({"ema": 1.0}, r"ema must be in \[0, 1\), not 1"),
        ({"held_out_photos": -1}, "held_out_photos must be at least 0, not -1"),
        ({"margin": {"name": "tripletto"}}, "no margin 'tripletto'; there are arcface, cosface"),
        ({"margin": {"mm": 1}}, "margin: mm: there is no such field"),
        ({"margin": 3}, "margin is a table"),
        ({"schedule": {"warm_up": 1}}, r"cosine: warm_up must be in \[0, 1\)"),
        ({"precision": "8-true"}, "recipe: precision"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(values: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Recipe.build({"data": "people", **values})


@pytest.mark.parametrize("preset", presets.presets())
def test_every_preset_is_a_recipe_and_opens_with_its_command(preset: str) -> None:
    assert presets.build(preset=preset, wanted={}).name == preset
    text = (presets.FOLDER / f"{preset}.toml").read_text(encoding="utf-8")
    assert text.startswith(f"# faceveil train --preset {preset} ")


@pytest.mark.parametrize("preset", presets.presets())
def test_every_preset_can_take_a_step(preset: str) -> None:
    recipe = presets.build(preset=preset, wanted={})
    learner = Learner(recipe, 6)
    pixels = torch.randint(0, 256, (6, 3, recipe.size_px, recipe.size_px), dtype=torch.uint8)
    learner.network.masking.prepare([pixels.float() / 255])
    losses, term = learner(pixels, torch.arange(6), 1)
    torch.autograd.backward(losses.mean() + term)
    weights = [weight for weight in learner.parameters() if weight.requires_grad]
    assert all(weight.grad is not None and weight.grad.isfinite().all() for weight in weights)
    assert learner.loss_of(pixels, torch.arange(6)) > 0


def test_file_over_preset_options_over_file_and_single_fields_over_all(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('epochs = 3\nseed = 4\n[optimiser]\nname = "adamw"\n')
    found = presets.build(
        preset="plain-orl",
        file=file,
        wanted={"data": "people"},
        assignments=["seed=5", "margin.m=0.1", "optimiser.lr=0.5"],
    )
    assert (found.data, found.epochs, found.seed, found.size_px) == ("people", 3, 5, 56)
    assert (found.optimiser.name, found.optimiser.lr) == ("adamw", 0.5)
    with pytest.raises(UsageError, match=r"no preset 'plain-lro'; there are .*plain-orl"):
        presets.build(preset="plain-lro", wanted={})


def test_learning_rates_rise_then_fall() -> None:
    cosine = [Cosine(warm_up=0.2).factor(step, 10) for step in range(10)]
    assert cosine[:3] == [0.5, 1, 1]
    assert cosine[2:] == sorted(cosine[2:], reverse=True)
    assert 0 < cosine[-1] < 0.05
    steps = [replace(Steps(), warm_up=0).factor(step, 20) for step in (0, 9, 10, 15, 18)]
    assert steps == pytest.approx([1, 1, 0.1, 0.01, 0.001])
