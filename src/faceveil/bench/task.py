"""What a run consists of: tasks, the arms they veil with, and the items that come of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jaxtyping import Float
from torch import Tensor

from faceveil.app.settings import Settings
from faceveil.app.treatment import Treatment
from faceveil.data.pictures import Alignment, Picture


@dataclass(frozen=True)
class Arm:
    """One way to veil that is compared with others.

    Attributes:
        at: where its figures stand in tables, such as ``{"method": "mim", "surrogate": "dlib"}``.
        settings: how it veils; its held-out recognisers and folder of targets are not used.
        targets: pictures of the people to be taken for; without any, the bundled decoys.
    """

    at: Mapping[str, str]
    settings: Settings
    targets: tuple[Picture, ...] = ()

    @property
    def name(self) -> str:
        """Its place in tables as one line."""
        return ", ".join(f"{name} {value}" for name, value in self.at.items())

    @property
    def proposing(self) -> dict[str, Any]:
        """The settings that masks depend on before the budget is enforced, as plain values.

        Arms alike in these and their targets share their masks.
        """
        settings = self.settings
        if not settings.method.heeds_damage:
            unseen = replace(settings.budget, ssimulacra2=None, flip=None, spot=None)
            settings = replace(settings, budget=unseen)
        return settings.plain()


@dataclass(frozen=True)
class Victim:
    """A recogniser that is asked.

    Attributes:
        name: what items and figures know it by.
        recogniser: its name in the zoo.
        weights: the store's key of weights it has learnt since; empty for its own.
    """

    name: str
    recogniser: str
    weights: str = ""


@dataclass(frozen=True)
class Scene:
    """What is the same for every item of a run.

    Attributes:
        victims: who is asked about every item.
        alignment: how recognisers come to look at a picture.
        cache: the file results are kept in.
        device: where to compute.
        keep: the folder veiled pictures are written to, by arm; None for nowhere.
    """

    victims: tuple[Victim, ...]
    alignment: Alignment
    cache: Path
    device: str = "cpu"
    keep: Path | None = None


@dataclass(frozen=True)
class Task:
    """A picture to look at, as it is if there is no arm, after each of some treatments."""

    picture: Picture
    arm: Arm | None = None
    treatments: tuple[Treatment, ...] = (Treatment(),)

    @property
    def name(self) -> tuple[str, str]:
        """Arm and picture; no two tasks of a run have the same."""
        return "" if self.arm is None else self.arm.name, self.picture.name


@dataclass(frozen=True, eq=False)
class Item:
    """What came of a task.

    Attributes:
        sha256: of the file that was judged; empty where there is none.
        damage: what the veil did to the picture, by measure; empty where there is none.
        embeddings: unit vectors by victim and name of the treatment.
        seconds: the time the veil took when it was made.
        fault: why there is nothing to judge; None if there is.
    """

    task: Task
    sha256: str = ""
    damage: Mapping[str, float] = field(default_factory=dict)
    embeddings: Mapping[tuple[str, str], Float[Tensor, " d"]] = field(default_factory=dict)
    seconds: float = 0.0
    fault: str | None = None
