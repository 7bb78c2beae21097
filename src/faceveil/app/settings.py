"""Everything that decides what a veil looks like, as one value that receipts can hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from faceveil.core import config
from faceveil.core.budget import Budget
from faceveil.core.config import Strict
from faceveil.core.errors import UsageError
from faceveil.core.goal import GoalName
from faceveil.core.ranges import Count, Positive, Range
from faceveil.masks.method import Method
from faceveil.masks.registry import method_class
from faceveil.masks.veil import Veil
from faceveil.masks.views import Views

TABLES = ("method", "budget", "views", "run", "people")
"""What settings are divided into."""
HELD_OUT = ("dlib",)
"""What a veil is proved on where nothing is said."""


@dataclass(frozen=True)
class Run(Strict):
    """The part of :class:`Settings` that belongs to no method.

    Attributes:
        goal: ``dodge`` (not be recognised), ``impersonate`` (be taken for a target), or ``both``,
            as most methods' papers do it (`faceveil methods NAME` says which).
        pull: in ``both``, how much being taken for a target counts against not being recognised:
            1 in TIP-IM; 3 lands nearer to the target and less far from the person.
        targets: a folder with photos of the people to be taken for; None for the bundled decoys,
            mixtures of many people that are nobody.
        surrogates: recognisers the veil is made against.
        held_out: recognisers it is proved on, which take no part in making it.
        faces: ``all``, the ``largest``, or how many, largest first.
        seed: where every random draw begins.
        quality: of JPEG, WebP and HEIF files, 1 to 100.
        keep_metadata: keep camera and date; location, maker notes and preview go in any case.
    """

    goal: GoalName = "both"
    pull: Positive = 1.0
    targets: Path | None = None
    surrogates: tuple[str, ...] = ("mobilefacenet", "faceres")
    held_out: tuple[str, ...] = HELD_OUT
    faces: Literal["all", "largest"] | Count = "all"
    seed: int = 0
    quality: Annotated[int, Range(1, 100)] = 95
    keep_metadata: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if both := set(self.surrogates) & set(self.held_out):
            raise UsageError(
                f"{', '.join(sorted(both))} cannot both help to make the veil and be held out."
            )

    @property
    def n_faces(self) -> int | None:
        """How many faces to veil, None for all."""
        if self.faces == "all":
            return None
        return 1 if self.faces == "largest" else self.faces


@dataclass(frozen=True)
class People(Strict):
    """Whose personal masks are laid, and what becomes of everybody else.

    Attributes:
        keys: SHA-256 of the masks; `protect --person` fills them in.
        strangers: what is done to faces that are none of these people: they are left alone
            (``leave``) or hidden by an obfuscation.
    """

    keys: tuple[str, ...]
    strangers: Literal["leave", "blur", "pixelate", "solid"] = "leave"


@dataclass(frozen=True)
class Settings:
    """A method with its budget and views, and the run it takes part in.

    With ``people`` no mask is made: each of them gets the one they were enrolled with.
    """

    method: Method = field(default_factory=Veil)
    budget: Budget = field(default_factory=lambda: Veil.default_budget)
    views: Views = field(default_factory=lambda: Veil.default_views)
    run: Run = field(default_factory=lambda: Run(goal=Veil.default_goal))
    people: People | None = None

    @classmethod
    def build(cls, values: Mapping[str, Any]) -> Settings:
        """Settings from a mapping with the tables :data:`TABLES`.

        ``method.name`` chooses the method (default ``veil``); budget, views and goal start from
        the method's own defaults. Targets without a goal mean that they count: a method that
        would only dodge does both.

        Raises:
            UsageError: a table or field is unknown or its value unsuitable; it is named.
        """
        if unknown := set(values) - set(TABLES):
            raise UsageError(
                f"settings: unknown {', '.join(sorted(unknown))}; "
                f"there are the tables {', '.join(TABLES[:-1])} and {TABLES[-1]}."
            )
        tables = {name: table(values, name) for name in TABLES}
        run = tables["run"]
        helpers = run.get("surrogates")
        if isinstance(helpers, (list, tuple)) and "held_out" not in run:
            # Whoever helps cannot be held out.
            run["held_out"] = [name for name in HELD_OUT if name not in helpers]
        kind = method_class(str(tables["method"].pop("name", Veil.name)))
        return cls(
            method=config.build(kind, tables["method"], where="settings method"),
            budget=config.build(
                Budget,
                config.plain(kind.default_budget) | tables["budget"],
                where="settings budget",
            ),
            views=config.build(
                Views, config.plain(kind.default_views) | tables["views"], where="settings views"
            ),
            run=config.build(Run, {"goal": _goal(kind, run)} | run, where="settings run"),
            people=config.build(People, tables["people"], where="settings people")
            if tables["people"]
            else None,
        )

    def plain(self) -> dict[str, Any]:
        """The mapping :meth:`build` makes the same settings from."""
        tables = {
            "method": {"name": self.method.name} | config.plain(self.method),
            "budget": config.plain(self.budget),
            "views": config.plain(self.views),
            "run": config.plain(self.run),
        }
        return tables if self.people is None else tables | {"people": config.plain(self.people)}


def _goal(kind: type[Method], run: Mapping[str, Any]) -> GoalName:
    """The goal where none is named."""
    aimed = run.get("targets") is not None and kind.default_goal == "dodge"
    return "both" if aimed else kind.default_goal


def table(values: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A copy of the table ``name`` of settings, empty where there is none.

    Raises:
        UsageError: it is no table.
    """
    found = values.get(name, {})
    if not isinstance(found, Mapping):
        raise UsageError(f"settings: {name} is a table, write {name}.FIELD=VALUE.")
    return dict(found)
