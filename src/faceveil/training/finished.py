"""A run of training read back: what was trained, by its folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faceveil.core import config
from faceveil.core.errors import UsageError
from faceveil.training import checkpoint
from faceveil.training.checkpoint import CHECKPOINT
from faceveil.training.learner import Learner
from faceveil.training.recipe import RECIPE, Recipe


@dataclass(frozen=True, eq=False)
class Finished:
    """What somebody holds who has everything: the recogniser, its head, and who the labels are.

    Attributes:
        recipe: how it was trained.
        learner: in evaluation mode; its network is the one that was exported.
        people: in the order of the labels.
        photos: which it was trained on, see :func:`~faceveil.training.batches.fingerprint`.
        step: steps it was trained for.
    """

    recipe: Recipe
    learner: Learner
    people: tuple[str, ...]
    photos: str
    step: int


def read_recipe(folder: Path) -> Recipe:
    """The recipe of the run in ``folder``.

    Raises:
        UsageError: there is no run.
    """
    if not (folder / RECIPE).is_file():
        raise UsageError(f"{folder} holds no run of faceveil train.")
    return Recipe.build(config.read(folder / RECIPE))


def read_run(folder: Path) -> Finished:
    """The run in ``folder`` as of its last checkpoint, on the CPU.

    Raises:
        UsageError: there is no run.
        ModelError: there is no checkpoint, or it is damaged.
    """
    recipe = read_recipe(folder)
    path = folder / CHECKPOINT
    state = checkpoint.load(path)
    learner = Learner(recipe, len(state["people"]))
    checkpoint.restore(learner, state["learner"], path)
    if state["average"] is not None:
        prefix = "module."
        network = {
            name.removeprefix(prefix): value
            for name, value in state["average"].items()
            if name.startswith(prefix)
        }
        checkpoint.restore(learner.network, network, path)
    learner.eval()
    return Finished(recipe, learner, tuple(state["people"]), state.get("photos", ""), state["step"])
