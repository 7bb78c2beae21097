"""What a protocol is: a frozen dataclass that plans tasks and turns their items into figures."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.app.settings import Settings
from faceveil.app.treatment import Treatment
from faceveil.bench.cast import Cast
from faceveil.bench.experiment import Experiment
from faceveil.bench.figure import Figure
from faceveil.bench.lessons import Lesson
from faceveil.bench.task import Arm, Item, Task
from faceveil.core import config
from faceveil.core.errors import UsageError
from faceveil.data.pictures import Alignment, Picture
from faceveil.masks.registry import method_class
from faceveil.recognisers.zoo import RECOGNISERS

AS_WRITTEN = Treatment().name


@dataclass(frozen=True)
class Plan:
    """What a run will do, and what it says in the end.

    Attributes:
        tasks: what there is to do; no two may have one name.
        figures: what follows from their items.
        lessons: victims to be adapted first, which are then asked besides the protocol's own.

    Raises:
        UsageError: two tasks would stand in one place of the tables.
    """

    tasks: Sequence[Task]
    figures: Callable[[Items], list[Figure]]
    lessons: Sequence[Lesson] = ()

    def __post_init__(self) -> None:
        for (arm, picture), count in Counter(task.name for task in self.tasks).items():
            if count > 1:
                raise UsageError(
                    f"Figures of {count} things would stand in one place of the tables, "
                    f"{arm or picture}: leave out what is named twice, and measure what only "
                    "differs elsewhere in runs of its own."
                )


@dataclass(frozen=True, kw_only=True)
class Protocol(Experiment, ABC):
    """A way to measure. The fields of a subclass are its whole configuration.

    Attributes:
        data: what is measured on, see :mod:`faceveil.data.open`.
        victims: the recognisers asked.
        alignment: how they come to look at a picture: ``detector``, ``aligned`` or ``whole``.
        seed: where every random draw begins, of veils and of intervals.
    """

    data: str = ""
    victims: tuple[str, ...] = RECOGNISERS
    alignment: Alignment = "detector"
    seed: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.data:
            raise UsageError(f"{self.name}: say what is measured on, for example --data DIR.")
        if not self.victims or len(set(self.victims)) < len(self.victims):
            raise UsageError(f"{self.name}: name one victim or several that differ.")

    @abstractmethod
    def plan(self) -> Plan:
        """The tasks, and what becomes of their items.

        Raises:
            UsageError: the data is missing or does not hold the people asked for.
        """

    @property
    def recognisers(self) -> tuple[str, ...]:
        """Every recogniser that takes part."""
        return self.victims


@dataclass(frozen=True, kw_only=True)
class Comparison(Protocol):
    """A protocol that compares methods.

    Attributes:
        surrogates: recognisers masks are made with.
        methods: what is compared; ``all`` for every one there is.
        settings: by method, what differs from its own settings, as tables method, budget,
            views and run.
    """

    surrogates: tuple[str, ...] = RECOGNISERS
    methods: tuple[str, ...] = ("tip-im",)
    settings: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        super().__post_init__()
        for method in self.settings:
            method_class(method)

    @property
    def recognisers(self) -> tuple[str, ...]:
        """Surrogates and victims."""
        return tuple(dict.fromkeys((*self.surrogates, *self.victims)))

    def settings_of(
        self, method: str, surrogates: Sequence[str], *, fixed: Mapping[str, Any]
    ) -> Settings:
        """The settings ``method`` veils with.

        Args:
            method: its name.
            surrogates: the recognisers it sees.
            fixed: values by ``table.field``, whatever :attr:`settings` says.
        """
        tables = dict(self.settings.get(method, {}))
        tables["run"] = {"seed": self.seed, **tables.get("run", {})}
        ours = {"method.name": method, "run.surrogates": list(surrogates), "run.held_out": []}
        return Settings.build(config.put(tables, {**ours, **fixed}))


class Items:
    """What came of a run's tasks, by arm and picture."""

    def __init__(self, items: Iterable[Item]):
        self._items = {item.task.name: item for item in items}
        self._clean: dict[str, list[Picture]] = defaultdict(list)
        for item in self:
            picture = item.task.picture
            if item.task.arm is None and item.fault is None and picture.person:
                self._clean[picture.person].append(picture)

    def __iter__(self) -> Iterator[Item]:
        return iter(self._items.values())

    def usable(self, pictures: Sequence[Picture], arms: Sequence[Arm] = ()) -> list[Picture]:
        """Those of ``pictures`` that have something to judge, as they are and under every arm.

        So all arms are compared on the same pictures.
        """
        tasks = {
            picture.name: [Task(picture, arm) for arm in (None, *arms)] for picture in pictures
        }
        return [
            picture
            for picture in pictures
            if all(self._items[task.name].fault is None for task in tasks[picture.name])
        ]

    def seen(self, parts: Cast, arms: Sequence[Arm]) -> Cast:
        """Those of ``parts`` that have something to judge.

        A probe is left out too if no other picture of the person is left in the gallery, for then
        nobody could be recognised, veiled or not.

        Raises:
            UsageError: no probe is left.
        """
        gallery = tuple(self.usable(parts.gallery))
        people = {picture.person for picture in gallery}
        probes = tuple(one for one in self.usable(parts.probes, arms) if one.person in people)
        if not probes:
            raise UsageError(
                "No face was found in any of the probes, or in none of these people's other "
                "pictures: results.jsonl says in which."
            )
        return replace(parts, probes=probes, gallery=gallery)

    def of(self, arm: Arm | None, pictures: Sequence[Picture]) -> list[Item]:
        """The items of ``pictures`` under ``arm``, in their order."""
        return [self._items[Task(picture, arm).name] for picture in pictures]

    def embeddings(
        self,
        arm: Arm | None,
        pictures: Sequence[Picture],
        victim: str,
        treatment: str = AS_WRITTEN,
    ) -> Float[Tensor, "n d"]:
        """What ``victim`` sees in each of ``pictures`` under ``arm``, after ``treatment``.

        Raises:
            UsageError: there is no picture.
        """
        if not pictures:
            raise UsageError("No picture is left in which a face was found: nothing to measure.")
        return torch.stack([item.embeddings[victim, treatment] for item in self.of(arm, pictures)])

    def record(self, item: Item) -> dict[str, Any]:
        """The item as what JSON holds.

        ``cosine`` is, by victim and treatment, the greatest to another picture of the same person
        as it was; null where there is none.
        """
        picture = item.task.picture
        others = [one for one in self._clean[picture.person] if one.name != picture.name]
        cosines: dict[str, dict[str, float | None]] = {}
        for (victim, treatment), embedding in item.embeddings.items():
            nearest = None
            if others:
                similarities = self.embeddings(None, others, victim) @ embedding
                nearest = round(float(similarities.max()), 5)
            cosines.setdefault(victim, {})[treatment] = nearest
        return {
            "arm": item.task.name[0],
            "picture": picture.name,
            "person": picture.person,
            "sha256": item.sha256,
            "fault": item.fault,
            "damage": dict(item.damage),
            "cosine": cosines,
        }
