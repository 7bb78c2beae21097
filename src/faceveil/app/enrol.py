"""Enrol: from photos of a person to the key with their personal mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import torch
from torch import Tensor

from faceveil.app.embed import embed
from faceveil.app.engine import Engine
from faceveil.app.key import About, Key
from faceveil.app.settings import Settings, table
from faceveil.core import seeds
from faceveil.core.errors import NoFaceError, UsageError
from faceveil.faces.face import Face
from faceveil.faces.patch import Patch, extract
from faceveil.io.photo import Photo
from faceveil.masks.chameleon import Chameleon, Portraits
from faceveil.masks.personal import PersonalMask
from faceveil.masks.problem import Progress
from faceveil.recognisers import zoo
from faceveil.recognisers.ensemble import Embeddings
from faceveil.recognisers.recogniser import Recogniser

FAR = 0.01
"""The false accept rate at which two photos are taken to show one person."""
WORKING_PX = 224
"""The side of the square that every photo's face is brought to, if it is not smaller in all."""
ENOUGH = 4
"""Photos from which on a mask is what the paper calls one."""


@dataclass(frozen=True, eq=False)
class Enrolled:
    """A new key; the mask's strength on each photo; and what must be said about the photos."""

    key: Key
    strengths: tuple[float, ...]
    notes: tuple[str, ...]


def settings(values: Mapping[str, Any]) -> Settings:
    """Settings for enrolling: those of ``values``, for Chameleon, against all bundled recognisers.

    Raises:
        UsageError: another method is asked for, or a setting is unknown or unsuitable.
    """
    method = {"name": Chameleon.name} | table(values, "method")
    run = {"surrogates": zoo.RECOGNISERS, "held_out": ()} | table(values, "run")
    built = Settings.build({**values, "method": method, "run": run})
    if not isinstance(built.method, Chameleon) or built.run.goal != "dodge":
        raise UsageError("Personal masks are made by chameleon, to dodge; leave both as they are.")
    return built


def enrol(
    name: str,
    photos: Sequence[Photo],
    engine: Engine,
    settings: Settings,
    progress: Progress = lambda share: None,
) -> Enrolled:
    """The key of the person whom ``photos`` show; it is not kept anywhere yet.

    Args:
        name: what the person is called.
        photos: of one person, whose face is the largest in each.
        engine: the models ``settings`` name.
        settings: as :func:`settings` makes them.
        progress: called with the share of the work done since its last call.

    Raises:
        UsageError: there is no photo, or one shows somebody else.
        NoFaceError: a photo shows nobody.
    """
    method = settings.method
    if not photos or not isinstance(method, Chameleon):
        raise UsageError("Enrolling takes chameleon and one photo or more.")
    faces, notes = _faces(photos, engine)
    templates = _templates(photos, faces, engine.surrogates.members)
    notes += _check_same(photos, templates, engine.surrogates.members)
    if len(photos) < ENOUGH:
        notes.append(
            f"From {len(photos)} photo{'s' * (len(photos) > 1)}, varied in light and mirrored: "
            f"{ENOUGH} or more, taken on different days, make a mask that carries over better."
        )
    region = settings.budget.region
    patches = [
        extract(photo.pixels, face, region=region)
        for photo, face in zip(photos, faces, strict=True)
    ]
    learned = method.learn(
        _portraits(patches, engine, settings),
        engine.surrogates,
        engine.goal,
        budget=settings.budget,
        views=settings.views,
        generator=seeds.generator(
            seeds.derive(settings.run.seed, *sorted(photo.sha256 for photo in photos))
        ),
        progress=progress,
    )
    mask = PersonalMask(learned)
    about = About(
        name=name,
        made=datetime.now(UTC).isoformat(timespec="seconds"),
        n_photos=len(photos),
        budget=settings.budget,
        recognisers={one.name: one.card.sha256 for one in engine.surrogates.members},
    )
    strengths = tuple(mask.lay(patch, settings.budget)[1] for patch in patches)
    return Enrolled(Key(about, mask, templates), strengths, tuple(notes))


def _faces(photos: Sequence[Photo], engine: Engine) -> tuple[list[Face], list[str]]:
    """The largest face of each photo, and which photos show more."""
    chosen, notes = [], []
    for photo in photos:
        faces = engine.detector(photo.pixels)
        if not faces:
            raise NoFaceError(f"{photo.name}: no face found; leave this photo out.")
        if len(faces) > 1:
            notes.append(f"{photo.name} shows {len(faces)} faces; the largest was taken.")
        chosen.append(faces[0])
    return chosen, notes


def _templates(
    photos: Sequence[Photo], faces: Sequence[Face], recognisers: Sequence[Recogniser]
) -> Embeddings:
    rows = [
        embed(photo.pixels, [face], recognisers) for photo, face in zip(photos, faces, strict=True)
    ]
    return {one.name: torch.cat([row[one.name] for row in rows]) for one in recognisers}


def _check_same(
    photos: Sequence[Photo], templates: Embeddings, recognisers: Sequence[Recogniser]
) -> list[str]:
    """Refuses a photo that most recognisers do not match to the others together."""
    if len(photos) < 2:
        return []
    calibrated = [one for one in recognisers if one.card.calibration is not None]
    if not calibrated:
        return ["No recogniser here has thresholds, so nobody checked that all show one person."]
    for index, photo in enumerate(photos):
        answers = {
            one.name: (_to_others(templates[one.name], index), one.card.threshold(FAR).cosine)
            for one in calibrated
        }
        against = {name: pair for name, pair in answers.items() if pair[0] < pair[1]}
        if 2 * len(against) > len(answers):
            said = "; ".join(
                f"{name} {cosine:.2f}, it takes {needed:.2f}"
                for name, (cosine, needed) in against.items()
            )
            raise UsageError(
                f"{photo.name} does not show the person of the other photos ({said}): enrol each "
                "person with photos of their own."
            )
    return []


def _to_others(rows: Tensor, index: int) -> float:
    """The cosine of one row to the mean of all others."""
    others = torch.cat([rows[:index], rows[index + 1 :]]).mean(dim=0)
    return float(rows[index] @ torch.nn.functional.normalize(others, dim=0))


def _portraits(patches: Sequence[Patch], engine: Engine, settings: Settings) -> Portraits:
    working_px = min(WORKING_PX, max(patch.side for patch in patches))
    return Portraits.of(
        patches, settings.budget, working_px=working_px, device=engine.surrogates.device
    )
