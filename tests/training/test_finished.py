"""Runs read back, averages and heads included."""

from __future__ import annotations

from pathlib import Path

import pytest
import tomli_w
import torch
from tests.training.conftest import drawn_crops, open_loop, run_loop, tiny_recipe

from faceveil.core.errors import ModelError, UsageError
from faceveil.training.backbones.mobilefacenet import MobileFaceNet
from faceveil.training.finished import read_run
from faceveil.training.recipe import RECIPE


@pytest.mark.parametrize("ema", [0.0, 0.5])
def test_what_was_trained_comes_back(tmp_path: Path, ema: float) -> None:
    recipe = tiny_recipe(ema=ema, backbone=MobileFaceNet(8), epochs=1)
    loop = run_loop(open_loop(recipe, tmp_path))
    (tmp_path / RECIPE).write_text(tomli_w.dumps(recipe.plain()), encoding="utf-8")
    found = read_run(tmp_path)
    assert (found.recipe, found.step) == (recipe, 3)
    assert found.people == ("p0", "p1", "p2", "p3", "p4", "p5")
    images = drawn_crops().take([0, 7]).float() / 255
    with torch.no_grad():
        assert torch.equal(found.learner.network(images), loop.network.eval()(images))
    assert found.learner.head.centres.shape == (6, 8)


def test_where_nothing_was_trained_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no run of faceveil train"):
        read_run(tmp_path)
    (tmp_path / RECIPE).write_text('data = "people"\n', encoding="utf-8")
    with pytest.raises(ModelError, match="cannot be read as a checkpoint"):
        read_run(tmp_path)
