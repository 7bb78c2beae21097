"""An audit as a report shows it: who holds what, faces beside what was recovered of them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image

from faceveil.bench.audit.figures import ATTACK, DEFENCE
from faceveil.bench.audit.found import GIVEN_AWAY
from faceveil.bench.audit.protocol import case_folder
from faceveil.bench.audit.published import PUBLISHED, Published
from faceveil.bench.audit.run import PRIVATE
from faceveil.bench.audit.work import INVERTED, TRAINED
from faceveil.bench.finished import Finished, without_paths
from faceveil.core import config
from faceveil.training.recipe import RECIPE

N_PEOPLE = 8
"""Shown side by side."""
SIDE_PX = 72
"""Of each face on the page."""
PRIVATE_PHOTO = "private photo"

HOLDS: dict[str, str] = {
    "label-only": "asks the recogniser and is told who it is, and nothing else",
    "black-box": "asks the recogniser and is told how sure it is of each person",
    "white-box": "the recogniser with its head, so every answer and every gradient",
    "template": "the recogniser, and the embedding of one photo of the person",
    "masked inputs": "the recogniser, and inputs of its training as the defence masked them, with "
    "labels; not the key of the mask's draws",
    "masked queries": "the recogniser, and queries as its backbone is shown them",
}
"""What an attacker holds, by threat."""


@dataclass(frozen=True)
class Strip:
    """Faces of the same people side by side, as a ``data:`` address."""

    name: str
    picture: str


@dataclass(frozen=True)
class Recovered:
    """What one attack recovered: a strip for each defence, that of the private photos above."""

    attack: str
    strips: tuple[Strip, ...]


@dataclass(frozen=True)
class AuditView:
    """What only audits have.

    Attributes:
        recovered: by attack, the strongest on the control first.
        people: whom the strips show.
        width_px, height_px: of a strip.
        threats: attack, threat, and what the attacker holds.
        left_out: defence, attack and why it could not be made.
        published: what others measured.
    """

    recovered: tuple[Recovered, ...]
    people: tuple[str, ...]
    width_px: int
    height_px: int
    threats: tuple[tuple[str, str, str], ...]
    left_out: tuple[tuple[str, str, str], ...]
    published: tuple[Published, ...] = PUBLISHED


def view(run: Finished) -> AuditView:
    """What the page shows of ``run`` besides its figures; pictures that are gone are left out."""
    attacked = [one for one in run.found if one.kind == "attack"]
    left_out = [one for one in run.found if one.kind == "left out"]
    private = sorted((run.folder / PRIVATE).glob("*.png"))
    people = tuple(path.stem for path in private[:N_PEOPLE])
    return AuditView(
        tuple(_recovered(run, attack, people) for attack in _by_strength(run)) if people else (),
        people,
        len(people) * SIDE_PX,
        SIDE_PX,
        tuple(
            (what, threat, HOLDS[threat])
            for what, threat in dict.fromkeys((one.what, one.threat) for one in attacked)
        ),
        tuple(dict.fromkeys((one.defence, one.what, one.reason) for one in left_out)),
    )


def headline(run: Finished) -> str:
    """What was done to how many, in a sentence."""
    cases = {(one.defence, one.seed) for one in run.found}
    defences = len({defence for defence, _ in cases})
    seeds = len(cases) // defences
    times = "once each" if seeds == 1 else f"with {seeds} seeds each"
    attacks = len({one.what for one in run.found if one.kind == "attack"})
    attacked = [one.figures["Acc@1"] for one in run.found if one.kind == "attack"]
    people = max((rate.n_independent for rate in attacked), default=0)
    return (
        f"Recognisers trained under {defences} defences, {times}, attacked in {attacks} ways for "
        f"the faces of {people} people, and judged by {', '.join(run.environment['recognisers'])}."
    )


def facts(run: Finished) -> dict[str, str]:
    """What it was measured on."""
    first = run.found[0]
    recipe = case_folder(run.folder, first.defence, first.seed) / TRAINED / RECIPE
    data = config.read(recipe)["data"] if recipe.is_file() else "not told: the recipes are gone"
    return {
        "Data": str(without_paths(data)),
        "Attacker's own faces": str(run.protocol["public"] or "people the recognisers never saw"),
        "Seeds": ", ".join(str(seed) for seed in run.protocol["seeds"]),
    }


def _by_strength(run: Finished) -> list[str]:
    """The attacks by what they recovered from the control, most first."""
    strength = {
        figure.at[ATTACK]: figure.value.mean
        for figure in run.figures
        if figure.measure == GIVEN_AWAY[0]
        and ATTACK in figure.at
        and figure.at[DEFENCE] == run.protocol["control"]
    }
    return sorted(strength, key=lambda attack: -strength[attack])


def _recovered(run: Finished, attack: str, people: Sequence[str]) -> Recovered:
    """One strip a defence, of its first seed."""
    folders = {PRIVATE_PHOTO: run.folder / PRIVATE}
    for one in run.found:
        if (one.kind, one.what) == ("attack", attack) and one.defence not in folders:
            folders[one.defence] = (
                case_folder(run.folder, one.defence, one.seed) / INVERTED / attack
            )
    strips = ((name, _strip(folder, people)) for name, folder in folders.items())
    return Recovered(attack, tuple(Strip(name, file) for name, file in strips if file))


def _strip(folder: Path, people: Sequence[str]) -> str:
    """The people's pictures in a folder side by side; empty if one is missing."""
    paths = [folder / f"{person}.png" for person in people]
    if not all(path.is_file() for path in paths):
        return ""
    faces = [np.asarray(Image.open(path).convert("RGB")) for path in paths]
    file = BytesIO()
    Image.fromarray(np.concatenate(faces, axis=1)).save(file, "png", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
