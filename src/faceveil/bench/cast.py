"""Who plays which part: probes, their gallery, targets, and people to calibrate on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from faceveil.core.errors import UsageError
from faceveil.data.pictures import Picture, Pictures


@dataclass(frozen=True)
class Cast:
    """The parts of one protocol.

    Attributes:
        probes: one picture each of the people who are protected.
        targets: one picture each of the people to be taken for; masks are made towards these.
        gallery: all other pictures of probes and targets, and every picture of the distractors.
    """

    probes: tuple[Picture, ...]
    targets: tuple[Picture, ...]
    gallery: tuple[Picture, ...]

    @property
    def probe_people(self) -> list[str]:
        """Whom each probe shows."""
        return [picture.person for picture in self.probes]

    @property
    def gallery_people(self) -> list[str]:
        """Whom each entry of the gallery shows."""
        return [picture.person for picture in self.gallery]

    @property
    def target_people(self) -> list[str]:
        """Whom each target shows."""
        return [picture.person for picture in self.targets]

    def other(self, person: str) -> list[int]:
        """Places in the gallery of the pictures of ``person``."""
        return [at for at, picture in enumerate(self.gallery) if picture.person == person]


def cast(pictures: Pictures, *, probes: str, targets: str, distractors: str) -> Cast:
    """The cast whose people are those selections of ``pictures`` (an empty one: nobody).

    A person's picture called ``probe`` is the one that is veiled or made towards, else the last in
    the order of names; the others go to the gallery.

    Raises:
        UsageError: a selection is no good, a person plays two parts, or a probe or target has no
            second picture.
    """
    parts = {
        "probes": _people(pictures, probes),
        "targets": _people(pictures, targets),
        "distractors": _people(pictures, distractors),
    }
    if not parts["probes"]:
        raise UsageError(f"{pictures.name}: say who is protected, for example probes=':50'.")
    everyone = [person for people in parts.values() for person in people]
    if twice := sorted({person for person in everyone if everyone.count(person) > 1}):
        raise UsageError(
            f"{pictures.name}: {', '.join(twice[:3])} can only play one part of {', '.join(parts)}."
        )
    chosen, gallery = {}, []
    for person in everyone:
        photos = list(pictures.by_person[person])
        if person not in parts["distractors"]:
            chosen[person] = _shown(photos)
            photos.remove(chosen[person])
            if not photos:
                raise UsageError(
                    f"{pictures.name}: {person} has one picture only, but must have another for "
                    "the gallery."
                )
        gallery.extend(photos)
    return Cast(
        tuple(chosen[person] for person in parts["probes"]),
        tuple(chosen[person] for person in parts["targets"]),
        tuple(gallery),
    )


def _people(pictures: Pictures, selection: str) -> Sequence[str]:
    return pictures.select(selection).people if selection else ()


def _shown(photos: Sequence[Picture]) -> Picture:
    named = [photo for photo in photos if photo.name.rpartition("/")[2].startswith("probe.")]
    return (named or photos)[-1]
