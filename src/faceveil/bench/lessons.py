"""Victims that were adapted to veils: what each learns from, worked out once like everything."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import UInt8
from torch import Tensor

from faceveil.app.treatment import Pixels, Treatment
from faceveil.bench import origins
from faceveil.bench.adaptation import Adaptation
from faceveil.bench.learning import Faces, fine_tune
from faceveil.bench.models import Models
from faceveil.bench.store import key
from faceveil.bench.task import Arm, Scene, Task, Victim
from faceveil.bench.work import NotKnownError, Worker
from faceveil.core import config
from faceveil.core.errors import PhotoError, UsageError
from faceveil.core.seeds import content_hash
from faceveil.data.pictures import Picture
from faceveil.faces.face import Face
from faceveil.faces.patch import extract
from faceveil.io.photo import Photo, decode
from faceveil.recognisers.recogniser import Recogniser


@dataclass(frozen=True)
class Lesson:
    """How a victim that has seen veils comes about.

    Attributes:
        name: the victim's.
        recogniser: what it is before.
        adaptation: how it learns.
        pictures: what from.
        arm: how these are veiled.
        seed: where every random draw begins.
    """

    name: str
    recogniser: str
    adaptation: Adaptation
    pictures: tuple[Picture, ...]
    arm: Arm
    seed: int

    @property
    def tasks(self) -> tuple[Task, ...]:
        """The veils that are needed first."""
        return tuple(Task(picture, self.arm) for picture in self.pictures)


def start(scene: Scene) -> Callable[[Lesson], Victim]:
    """A worker for :func:`faceveil.app.pool.each`, which computes in one thread."""
    torch.set_num_threads(1)
    return Tutor(scene, Models(scene)).teach


def recall(scene: Scene, lessons: Sequence[Lesson]) -> Iterator[Victim | None]:
    """Each lesson's victim if its weights are known already, else None; no model is loaded."""
    tutor = Tutor(scene, None)
    for lesson in lessons:
        try:
            yield tutor.teach(lesson)
        except NotKnownError:
            yield None


class Tutor(Worker):
    """Adapts recognisers."""

    def teach(self, lesson: Lesson) -> Victim:
        """The victim, whose weights then lie in the store.

        Raises:
            UsageError: the faces of fewer than two people were found.
            ModelError: the recogniser cannot be fine-tuned.
        """
        photos = [
            [picture.person, photo.sha256, content_hash(veiled)]
            for picture, photo, _, veiled in self._photos(lesson)
        ]
        if len({person for person, *_ in photos}) < 2:
            raise UsageError(
                f"{lesson.name}: a tracker learns from two people or more whose faces are found; "
                f"people={lesson.adaptation.people!r} is too few."
            )
        depends_on = {
            "recogniser": origins.identity(lesson.recogniser),
            "adaptation": config.plain(lesson.adaptation),
            "photos": photos,
            "seed": lesson.seed,
            **self._looking,
            "code": origins.learning_code(type(lesson.adaptation)),
        }
        weights = key("weights", depends_on)
        self._known(weights, partial(self._learn, lesson))
        return Victim(lesson.name, lesson.recogniser, weights)

    def _photos(self, lesson: Lesson) -> Iterator[tuple[Picture, Photo, Face, bytes]]:
        """Each picture a face was found in, with the face and the bytes of the veiled file."""
        for picture in lesson.pictures:
            try:
                photo = picture.read()
            except PhotoError:
                continue
            face = self._face(photo)
            if face is not None:
                yield picture, photo, face, self._veil(photo, face, lesson.arm)[0]

    def _learn(self, lesson: Lesson, models: Models) -> bytes:
        recogniser = models.recogniser(lesson.recogniser)
        clean, veiled, people = [], [], []
        for picture, photo, face, data in self._photos(lesson):
            after = decode(data, photo.name)
            clean.append(_crop(recogniser, photo.pixels, face))
            veiled.append(_crop(recogniser, *self._seen(after, photo, face, Treatment(), models)))
            people.append(picture.person)
        order = {person: number for number, person in enumerate(dict.fromkeys(people))}
        labels = torch.tensor([order[person] for person in people], device=recogniser.device)
        adaptation, faces = lesson.adaptation, Faces(torch.cat(clean), torch.cat(veiled), labels)
        return fine_tune(
            recogniser,
            adaptation.objective(recogniser, faces).to(recogniser.device),
            len(people),
            steps=adaptation.steps,
            batch=adaptation.batch,
            lr=adaptation.lr,
            seed=lesson.seed,
        )


@torch.no_grad()
def _crop(recogniser: Recogniser, pixels: Pixels, face: Face) -> UInt8[Tensor, "1 3 s s"]:
    """What ``recogniser`` cuts out around ``face``, as the 8-bit pixels a tracker would keep."""
    patch = extract(pixels, face)
    device = recogniser.device
    crop = recogniser.align(patch.pixels[None].to(device), patch.landmarks[None].to(device))
    return (255 * crop).round().clamp(0, 255).to(torch.uint8)
