"""Everybody's faces before an attack begins: who is private, who is public, and that none is both.

Only what judges and leaks are made of reads the private ones; an attack is given the victim and the
public faces, see :class:`~faceveil.inversion.problem.Problem`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor

from faceveil.core.errors import UsageError
from faceveil.core.seeds import content_hash
from faceveil.data.open import is_pictures
from faceveil.data.pictures import select
from faceveil.inversion import victim
from faceveil.inversion.victim import Victim
from faceveil.recognisers.recogniser import Recogniser
from faceveil.training.batches import fingerprint
from faceveil.training.crops import Crops
from faceveil.training.finished import Finished
from faceveil.training.split import split

Cut = Callable[[str], Crops]
"""Faces of some data, by what a user calls it."""


@dataclass(frozen=True, eq=False)
class Faces:
    """Crops in ArcFace's frame, RGB in [0, 1], and whom they show."""

    photos: Float[Tensor, "n 3 s s"]
    shown: tuple[str, ...]

    @classmethod
    def of(cls, crops: Crops, indices: Sequence[int]) -> Faces:
        """Some crops."""
        shown = tuple(crops.people[index] for index in indices)
        return cls(crops.take(indices).float() / 255, shown)

    def showing(self, people: Sequence[str]) -> Faces:
        """Those that show some people."""
        rows = [place for place, one in enumerate(self.shown) if one in people]
        return Faces(self.photos[rows], tuple(self.shown[row] for row in rows))

    def first(self, people: Sequence[str]) -> Float[Tensor, "p 3 s s"]:
        """One photo of each person."""
        return self.photos[[self.shown.index(person) for person in people]]

    def labels(self, people: Sequence[str]) -> Int[Tensor, " n"]:
        """The place of each among ``people``."""
        return torch.tensor([people.index(one) for one in self.shown], dtype=torch.long)


@dataclass(frozen=True, eq=False)
class Stage:
    """A victim and the faces around it.

    Attributes:
        victim: what is attacked.
        run: how it was trained, if it was trained here.
        private: photos the victim was trained on, or that were enrolled in it.
        held_out: other photos of the same people.
        public: other people's.
        mixed_in: photos without a label that the run's mixes were made with, if any were.
    """

    victim: Victim
    run: Finished | None
    private: Faces
    held_out: Faces
    public: Faces
    mixed_in: Float[Tensor, "m 3 s s"] | None = None


def of_run(run: Finished, data: str, public: str, cut: Cut) -> Stage:
    """A run of ``faceveil train`` and the data it was trained on.

    Args:
        run: read back.
        data: what it was trained on.
        public: people of the data or data of its own; those the run held out if empty.
        cut: cuts faces out.

    Raises:
        UsageError: data, run and public people do not fit together.
    """
    crops = cut(data)
    recipe = run.recipe
    parts = split(
        crops.people,
        held_out_people=recipe.held_out_people,
        held_out_photos=recipe.held_out_photos,
    )
    if parts.people != run.people:
        raise UsageError(
            f"{data} is not what {recipe.name} was trained on: its people are not "
            f"{run.people[0]} to {run.people[-1]}."
        )
    if fingerprint(crops, parts) != run.photos:
        raise UsageError(
            f"{data} is not what {recipe.name} was trained on: there are photos more or less of "
            "these people, or they have other names."
        )
    if not public and not parts.strangers:
        raise UsageError(
            f"{recipe.name} was trained on everybody in {data}, and an attacker needs faces of "
            "other people: name some with --public DIR."
        )
    n_steps = recipe.n_steps(len(parts.train))
    if run.step < n_steps:
        raise UsageError(
            f"{recipe.name} is not trained to its end (step {run.step} of {n_steps}): go on with "
            "faceveil train --resume first."
        )
    others = Faces.of(crops, parts.strangers)
    mixed_in = None
    if recipe.public:
        found = cut(recipe.public)
        mixed_in = Faces.of(found, range(len(found.names))).photos
    return Stage(
        victim.of_run(run),
        run,
        Faces.of(crops, parts.train),
        Faces.of(crops, parts.photos),
        _public(others, parts.people, public, crops, cut),
        mixed_in,
    )


def of_recogniser(recogniser: Recogniser, data: str, public: str, cut: Cut) -> Stage:
    """Any recogniser, with everybody of the data enrolled who is not public.

    Args:
        recogniser: as imported.
        data: whose photos are enrolled.
        public: people of the data, or data of its own.
        cut: cuts faces out.

    Raises:
        UsageError: nobody is public, or somebody is who is enrolled.
    """
    if not public:
        raise UsageError(
            f"{recogniser.name} does not tell whom it was not trained on: name people of {data} "
            "who are not enrolled, such as --public 20:40, or other data with --public DIR."
        )
    crops = cut(data)
    chosen = "" if is_pictures(public) else public
    parts = split(crops.people, held_out_people=chosen, held_out_photos=0)
    private = Faces.of(crops, parts.train)
    return Stage(
        victim.of_recogniser(recogniser, private.photos, private.shown),
        None,
        private,
        Faces.of(crops, parts.photos),
        _public(Faces.of(crops, parts.strangers), parts.people, public, crops, cut),
    )


def _public(others: Faces, known: Sequence[str], public: str, crops: Crops, cut: Cut) -> Faces:
    """The attacker's faces, none of them of anybody known.

    Args:
        others: the faces of the data that the victim does not know.
        known: whom it knows.
        public: as the user says.
        crops: the data.
        cut: cuts faces out.
    """
    if public and is_pictures(public):
        found = cut(public)
        faces = Faces.of(found, range(len(found.names)))
    elif public:
        chosen = select(tuple(dict.fromkeys(crops.people)), public)
        if both := [person for person in chosen if person in known]:
            raise UsageError(
                f"{both[0]} is known to the recogniser and cannot be public too: choose --public "
                "among other people."
            )
        faces = others.showing(chosen)
    else:
        faces = others
    if len(faces.photos) < 2:
        raise UsageError("An attacker needs two public faces at least: name others with --public.")
    known_crops = {
        found: name
        for found, name, person in zip(crops.hashes(), crops.names, crops.people, strict=True)
        if person in known
    }
    for photo in (255 * faces.photos).round().byte().permute(0, 2, 3, 1):
        if name := known_crops.get(content_hash(photo.contiguous().numpy().tobytes())):
            raise UsageError(
                f"{name}, whom the recogniser knows, is among the public faces: leave it out."
            )
    return faces
