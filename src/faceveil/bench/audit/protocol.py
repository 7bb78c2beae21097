"""What an audit is: defences, each trained with several seeds, and the attacks made on each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from faceveil.bench.experiment import Experiment
from faceveil.core import config
from faceveil.core.described import toml
from faceveil.core.errors import UsageError
from faceveil.inversion import registry
from faceveil.inversion.attack import Attack
from faceveil.inversion.membership import Membership
from faceveil.training import presets
from faceveil.training.recipe import Recipe

SAME = ("data", "alignment", "size_px", "held_out_people", "held_out_photos")
"""Of recipes in one audit: the same faces are trained on, held out and attacked."""


@dataclass(frozen=True)
class Case:
    """One recogniser of an audit: a defence, trained with a seed."""

    defence: str
    seed: int
    recipe: Recipe

    def folder(self, root: Path) -> Path:
        """See :func:`case_folder`."""
        return case_folder(root, self.defence, self.seed)


def case_folder(root: Path, defence: str, seed: int) -> Path:
    """Where the training of one recogniser, and what was recovered from it, is kept."""
    return root / "cases" / f"{defence}-{seed}"


@dataclass(frozen=True, kw_only=True)
class Inversion(Experiment):
    """Recognition kept against faces given away. The fields are the whole configuration.

    Other than a :class:`~faceveil.bench.protocol.Protocol` it measures recognisers that it trains,
    and not veils, so it has neither tasks nor methods.

    Attributes:
        defences: by label, fields of a recipe; ``preset`` names a recipe that comes along to begin
            with.
        recipe: fields of all these recipes, which a defence's own go over.
        control: the label of the undefended one, which the others are compared with.
        seeds: of training and attack; every defence is trained and attacked once for each.
        attacks: by name.
        settings: by attack, fields that differ from its own.
        people: a selection of those trained on: who is to be recovered.
        public: the attacker's own faces, see :class:`~faceveil.app.invert.Request`.
        judge: recogniser that compares; the first bundled one if empty.
    """

    name: ClassVar[str] = "inversion"
    summary: ClassVar[str] = "Recognition kept, and faces given away, by defence and attack."

    defences: dict[str, dict[str, Any]] = field(default_factory=dict)
    recipe: dict[str, Any] = field(default_factory=dict)
    control: str = "none"
    seeds: tuple[int, ...] = (0, 1, 2)
    attacks: tuple[str, ...] = ("eigenfaces",)
    settings: dict[str, dict[str, Any]] = field(default_factory=dict)
    people: str = ":"
    public: str = ""
    judge: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.control not in self.defences:
            raise UsageError(
                f"inversion: no defence is called {self.control!r}, and the others are compared "
                "with the undefended control: name a --preset, or say which with control=LABEL."
            )
        if not self.seeds or len(set(self.seeds)) < len(self.seeds):
            raise UsageError("inversion: name one seed or several that differ.")

    def cases(self) -> tuple[Case, ...]:
        """Every recogniser there is to train, seed by seed so that all defences advance together.

        Raises:
            UsageError: a recipe is unsuitable, or differs from the control's in more than it may.
        """
        found = tuple(
            Case(label, seed, self._recipe(label, fields, seed))
            for seed in self.seeds
            for label, fields in self.defences.items()
        )
        control = next(case.recipe for case in found if case.defence == self.control)
        for case in found:
            for name in SAME:
                if getattr(case.recipe, name) != getattr(control, name):
                    raise UsageError(
                        f"inversion: {case.defence} and {self.control} differ in {name}, and are "
                        "to be compared on the same faces: set it under [recipe]."
                    )
        return found

    def made(self) -> tuple[Attack | Membership, ...]:
        """The attacks; settings of those that are not among them change nothing.

        Raises:
            UsageError: a name or field is unknown, or a value unsuitable.
        """
        idle = {*registry.ATTACKS, *registry.MEMBERSHIP} - set(self.attacks)
        settings = [
            f"{attack}.{name}={toml(value)}"
            for attack, fields in self.settings.items()
            for name, value in fields.items()
            if attack not in idle
        ]
        return registry.chosen(self.attacks, settings)

    def _recipe(self, label: str, fields: Mapping[str, Any], seed: int) -> Recipe:
        own = {**config.dotted(fields), "name": label, "seed": seed}
        wanted = config.dotted(self.recipe) | own
        preset = wanted.pop("preset", None)
        try:
            return presets.build(preset=preset, wanted=wanted)
        except UsageError as error:
            raise UsageError(f"inversion, defence {label}: {error}") from None
