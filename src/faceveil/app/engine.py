"""The models one run needs, loaded once: detector, surrogates, held-out recognisers, targets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import torch

from faceveil.app.embed import embed
from faceveil.app.settings import Run
from faceveil.app.verdict import Role
from faceveil.core.errors import NoFaceError, UsageError
from faceveil.core.goal import Dodge, Goal, Impersonate
from faceveil.faces.detect import Detector
from faceveil.io.find import find
from faceveil.io.photo import read
from faceveil.recognisers import decoys, zoo
from faceveil.recognisers.ensemble import Embeddings, Ensemble
from faceveil.recognisers.recogniser import Recogniser


@dataclass(frozen=True)
class Engine:
    """Loaded models; ``goal`` is what the run's settings ask for."""

    detector: Detector
    surrogates: Ensemble
    held_out: tuple[Recogniser, ...]
    goal: Goal

    @classmethod
    def load(cls, run: Run, *, device: str = "auto") -> Engine:
        """The models ``run`` names.

        Args:
            run: which recognisers, which goal, which targets.
            device: ``auto``, ``cpu``, ``cuda`` or ``mps``.

        Raises:
            ModelError: a recogniser is missing or unusable.
            UsageError: the device is not there, or the targets' folder is not, or a recogniser is
                held out that helps under another name.
            NoFaceError: the targets' folder shows nobody.
        """
        where = resolve(device)
        detector = Detector.load(where)
        surrogates = Ensemble([zoo.load(name, device=where) for name in run.surrogates])
        held_out = tuple(zoo.load(name, device=where) for name in run.held_out)
        made_with = {one.card.sha256 for one in surrogates.members}
        if both := [one.name for one in held_out if one.card.sha256 in made_with]:
            raise UsageError(
                f"{', '.join(both)} cannot be held out: the same network helps to make the veil."
            )
        people: Embeddings = {}
        if run.goal != "dodge":
            people = (
                decoys.load(surrogates)
                if run.targets is None
                else embed_folder(run.targets, detector, surrogates)
            )
        return cls(detector, surrogates, held_out, goal_of(run, people))

    @property
    def judges(self) -> tuple[tuple[Recogniser, Role], ...]:
        """Every recogniser with its part in the run, held-out ones first."""
        held_out: list[tuple[Recogniser, Role]] = [(one, "held out") for one in self.held_out]
        return (*held_out, *((member, "surrogate") for member in self.surrogates.members))


def goal_of(run: Run, people: Embeddings) -> Goal:
    """The goal ``run`` asks for; ``people`` are those to be taken for, if anybody."""
    match run.goal:
        case "dodge":
            return Dodge()
        case "impersonate":
            return Impersonate(people)
        case "both":
            return Dodge() & Impersonate(people, run.pull)


def resolve(device: str) -> str:
    """The torch device ``auto`` stands for here, or ``device`` itself if it is there.

    Raises:
        UsageError: the device is unknown or absent.
    """
    present = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return next(name for name, there in present.items() if there)
    if device.partition(":")[0] not in present:
        raise UsageError(f"There is no device {device!r}; choose auto, cpu, cuda or mps.")
    if not present[device.partition(":")[0]]:
        raise UsageError(
            f"This machine has no {device} device that torch can use; try --device cpu."
        )
    return device


def embed_folder(folder: Path, detector: Detector, recognisers: Ensemble) -> Embeddings:
    """What each recogniser sees in the largest face of every photo in ``folder``.

    Raises:
        UsageError: the folder holds no photo.
        NoFaceError: a photo shows no face; it is named.
    """
    found = find([folder], recursive=True)
    if not found:
        raise UsageError(f"{folder}: there is no photo in this folder of targets.")
    rows: dict[str, list[torch.Tensor]] = {name: [] for name in recognisers.names}
    for item in found:
        photo = read(item.path)
        faces = detector(photo.pixels)
        if not faces:
            raise NoFaceError(f"{item.path}: no face found in this photo of a target; remove it.")
        row = embed(photo.pixels, faces[:1], recognisers.members)
        for name, embedding in row.items():
            rows[name].append(embedding.to(recognisers.device))
    return {name: torch.cat(embeddings) for name, embeddings in rows.items()}
