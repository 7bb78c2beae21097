"""Everything that decides how a recogniser is trained, as one value a TOML file can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from faceveil.core import config
from faceveil.core.config import Strict
from faceveil.core.errors import UsageError
from faceveil.data.pictures import Alignment
from faceveil.training.augment import Augment
from faceveil.training.backbones.backbone import Backbone
from faceveil.training.backbones.mobilefacenet import MobileFaceNet
from faceveil.training.defence import Defence, Undefended
from faceveil.training.distributed import Precision
from faceveil.training.margins import ArcFace, Margin
from faceveil.training.optimisers import Optimiser, Sgd
from faceveil.training.registry import (
    BACKBONES,
    DEFENCES,
    MARGINS,
    OPTIMISERS,
    SCHEDULES,
    choose,
)
from faceveil.training.schedules import Cosine, Schedule

RECIPE = "recipe.toml"
"""Its name in the folder of a run."""

_CHOICES: dict[str, tuple[Mapping[str, type[Any]], str]] = {
    "backbone": (BACKBONES, MobileFaceNet.name),
    "margin": (MARGINS, ArcFace.name),
    "defence": (DEFENCES, Undefended.name),
    "optimiser": (OPTIMISERS, Sgd.name),
    "schedule": (SCHEDULES, Cosine.name),
}


@dataclass(frozen=True)
class Recipe(Strict):
    """What is trained, on which faces, how long and how.

    Attributes:
        data: a folder laid out as PERSON/PHOTO, or ``orl``.
        name: of the recogniser, for its card.
        licence: of the recogniser, for its card.
        alignment: how faces are found in the photos, see :mod:`faceveil.data.align`.
        size_px: the side of the crops.
        held_out_people: a selection of people nothing is trained on; empty for none.
        held_out_photos: of each other person the last so many photos are not trained on, but one
            always is.
        pairs: verification pairs to watch, see :func:`faceveil.data.open.open_pairs`; empty for
            none.
        epochs: how often every photo is seen.
        batch: photos a step, over all processes.
        accumulate: parts each process works its share of a batch off in, to save memory; batch
            normalisation takes its statistics in each part.
        precision: of the computations; weights are always single.
        clip_norm: the norm gradients are cut to.
        ema: decay of the moving average of weights that is evaluated and exported; 0 for the
            weights themselves.
        seed: where every random draw begins.
        log_every, evaluate_every, checkpoint_every: steps.
    """

    data: str
    name: str = "mine"
    licence: str = "not stated"
    alignment: Alignment = "detector"
    size_px: int = 112
    held_out_people: str = ""
    held_out_photos: int = 2
    pairs: str = ""
    epochs: int = 20
    batch: int = 64
    accumulate: int = 1
    precision: Precision = "32-true"
    clip_norm: float = 5.0
    ema: float = 0.0
    seed: int = 0
    log_every: int = 10
    evaluate_every: int = 500
    checkpoint_every: int = 500
    augment: Augment = field(default_factory=Augment)
    backbone: Backbone = field(default_factory=MobileFaceNet)
    margin: Margin = field(default_factory=ArcFace)
    defence: Defence = field(default_factory=Undefended)
    optimiser: Optimiser = field(default_factory=Sgd)
    schedule: Schedule = field(default_factory=Cosine)

    def __post_init__(self) -> None:
        if not self.data:
            raise UsageError(
                "recipe: say what is trained on, with --data DIR or data = ... in the file."
            )
        counts = ("size_px", "epochs", "batch", "accumulate")
        every = ("log_every", "evaluate_every", "checkpoint_every")
        for name in (*counts, *every):
            if getattr(self, name) < 1:
                raise UsageError(f"recipe: {name} is at least 1, not {getattr(self, name)}.")
        if not 0 <= self.ema < 1:
            raise UsageError(f"recipe: ema lies in [0, 1), not at {self.ema:g}.")
        if self.held_out_photos < 0:
            raise UsageError("recipe: held_out_photos is 0 or more.")

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Recipe:
        """A recipe from a mapping as TOML gives it.

        The tables ``backbone``, ``margin``, ``defence``, ``optimiser`` and ``schedule`` each have a
        ``name`` that chooses, and the fields of what it chose.

        Raises:
            UsageError: a field is unknown or its value unsuitable; it is named.
        """
        chosen = {
            table: choose(kinds, values.get(table, {}), default, where=table)
            for table, (kinds, default) in _CHOICES.items()
        }
        return config.build(cls, {"data": "", **values, **chosen}, where="recipe")

    def plain(self) -> dict[str, Any]:
        """The mapping :meth:`build` makes the same recipe from."""
        named = {table: {"name": getattr(self, table).name} for table in _CHOICES}
        return {
            key: named.get(key, {}) | value if isinstance(value, dict) else value
            for key, value in config.plain(self).items()
        }
