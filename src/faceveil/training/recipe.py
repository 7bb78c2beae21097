"""Everything that decides how a recogniser is trained, as one value a TOML file can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from faceveil.core import config
from faceveil.core.config import Strict
from faceveil.core.errors import UsageError
from faceveil.core.ranges import Count, Decay, Natural, Positive
from faceveil.data.pictures import Alignment
from faceveil.recognisers.card import name_fault
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
        public: data of other people, a folder or ``orl``, whose faces are mixed in without a label,
            as many in a step as there are others; for defences that mix. Empty for none.
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
    size_px: Count = 112
    held_out_people: str = ""
    held_out_photos: Natural = 2
    public: str = ""
    pairs: str = ""
    epochs: Count = 20
    batch: Count = 64
    accumulate: Count = 1
    precision: Precision = "32-true"
    clip_norm: Positive = 5.0
    ema: Decay = 0.0
    seed: int = 0
    log_every: Count = 10
    evaluate_every: Count = 500
    checkpoint_every: Count = 500
    augment: Augment = field(default_factory=Augment)
    backbone: Backbone = field(default_factory=MobileFaceNet)
    margin: Margin = field(default_factory=ArcFace)
    defence: Defence = field(default_factory=Undefended)
    optimiser: Optimiser = field(default_factory=Sgd)
    schedule: Schedule = field(default_factory=Cosine)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.data:
            raise UsageError(
                "recipe: say what is trained on, with --data DIR or data = ... in the file."
            )
        if fault := name_fault(self.name):
            raise UsageError(f"recipe.{fault}.")
        if self.public == self.data:
            raise UsageError("recipe.public: name other people's photos than those trained on.")
        if self.public and not self.defence.mixes:
            raise UsageError(
                f"recipe.public: the defence {self.defence.name} mixes no faces, so public ones "
                "have no part in it: leave them out, or choose one that does, such as ahm."
            )

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

    def n_steps(self, n_photos: int) -> int:
        """Steps in all; an epoch leaves out the few photos that do not fill a batch."""
        return self.epochs * (n_photos // self.batch)

    def plain(self) -> dict[str, Any]:
        """The mapping :meth:`build` makes the same recipe from."""
        named = {table: {"name": getattr(self, table).name} for table in _CHOICES}
        return {
            key: named.get(key, {}) | value if isinstance(value, dict) else value
            for key, value in config.plain(self).items()
        }
