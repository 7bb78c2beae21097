"""How an item is worked out, or looked up: veil, write, read again, and ask every victim."""

from __future__ import annotations

import functools
import json
import re
import struct
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load, save
from torch import Tensor

from faceveil.app.embed import embed
from faceveil.app.protect import Protector
from faceveil.app.treatment import Pixels, Treatment
from faceveil.bench import origins
from faceveil.bench.damage import damage
from faceveil.bench.learning import with_weights
from faceveil.bench.models import Models
from faceveil.bench.store import Store, key
from faceveil.bench.task import Arm, Item, Scene, Task, Victim
from faceveil.core.errors import NoFaceError, PhotoError, UsageError
from faceveil.data.pictures import Picture
from faceveil.faces.face import Face
from faceveil.faces.place import found_again
from faceveil.io import atomic
from faceveil.io.formats import SUFFIXES, of_suffix, sniff
from faceveil.io.photo import Photo, decode
from faceveil.masks.method import Proposal
from faceveil.recognisers.recogniser import Recogniser


def start(scene: Scene) -> Callable[[Sequence[Task]], list[Item]]:
    """A worker for :func:`faceveil.app.pool.each`, which does a bundle at a time.

    It computes in one thread: how many processes share the work changes no figure.
    """
    torch.set_num_threads(1)
    return Worker(scene, Models(scene)).each


def bundles(tasks: Iterable[Task]) -> list[list[Task]]:
    """The tasks, with those side by side that share a mask: it is made once for a bundle."""
    bundled: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        bundled[_shares(task)].append(task)
    return list(bundled.values())


def _shares(task: Task) -> str:
    """What tasks of one bundle have in common."""
    if task.arm is None:
        return task.picture.name
    targets = [picture.name for picture in task.arm.targets]
    return json.dumps([task.picture.name, targets, task.arm.proposing], sort_keys=True, default=str)


def recall(scene: Scene, tasks: Sequence[Task]) -> Iterator[Item | None]:
    """Each task's item if its every part is known already, else None; no model is loaded."""
    worker = Worker(scene, None)
    for task in tasks:
        try:
            yield worker(task)
        except NotKnownError:
            yield None


@dataclass(frozen=True, eq=False)
class _Proposed:
    """A proposal by all it comes from, and the seconds it took."""

    origin: str
    proposal: Proposal
    seconds: float


class NotKnownError(Exception):
    """A result would have to be worked out."""


class Worker:
    """Does tasks; what was worked out before, here or in another process, is looked up."""

    def __init__(self, scene: Scene, models: Models | None):
        """Without ``models`` it can only look up."""
        self._scene = scene
        self._models = models
        self._store = Store(scene.cache)
        self._proposed: _Proposed | None = None
        self._target_sha256: dict[str, str] = {}
        self._adapted: dict[Victim, Recogniser] = {}
        self._looking = {
            "alignment": scene.alignment,
            "detector": origins.detector(),
            "device": scene.device,
        }

    def each(self, tasks: Sequence[Task]) -> list[Item]:
        """The item of every task."""
        return [self(task) for task in tasks]

    def __call__(self, task: Task) -> Item:
        """The item of ``task``; a picture that cannot be read or shows no face has a fault."""
        try:
            photo = task.picture.read()
        except PhotoError as error:
            return Item(task, fault=str(error))
        face = self._face(photo)
        if face is None:
            return Item(task, fault="No face was found in this picture.")
        if task.arm is None:
            embeddings = self._embeddings(photo, photo, face, task.treatments)
            return Item(task, photo.sha256, embeddings=embeddings)
        data, seconds = self._veil(photo, face, task.arm)
        if self._scene.keep is not None:
            _write(self._scene.keep, task, data)
        veiled = decode(data, photo.name)
        return Item(
            task,
            veiled.sha256,
            self._damage(photo, veiled, face),
            self._embeddings(veiled, photo, face, task.treatments),
            seconds,
        )

    def _known(self, key: str, work_out: Callable[[Models], bytes]) -> bytes:
        """What lies at ``key``, worked out and put there first if nothing does."""
        value = self._store.get(key)
        if value is None:
            if self._models is None:
                raise NotKnownError
            value = work_out(self._models)
            self._store.put(key, value)
        return value

    def _face(self, photo: Photo) -> Face | None:
        depends_on = {
            "photo": photo.sha256,
            **self._looking,
            "code": origins.code("faceveil.data.align", "faceveil.io.photo"),
        }

        def work_out(models: Models) -> bytes:
            try:
                return json.dumps(models.face(photo).json()).encode()
            except NoFaceError:
                return b"null"

        found = json.loads(self._known(key("face", depends_on), work_out))
        if found is None:
            return None
        return Face(tuple(found["box"]), np.array(found["landmarks"], np.float32), found["score"])

    def _veil(self, photo: Photo, face: Face, arm: Arm) -> tuple[bytes, float]:
        """The bytes of the file ``arm`` makes of ``photo``, and the seconds that took."""
        depends_on: dict[str, Any] = {
            "photo": photo.sha256,
            "settings": arm.proposing,
            "targets": [self._sha256(picture) for picture in arm.targets],
            "surrogates": [origins.identity(name) for name in arm.settings.run.surrogates],
            **self._looking,
            **origins.reference(arm.settings.method),
            "code": origins.veiling_code(type(arm.settings.method)),
        }

        origin = key("mask", depends_on)

        def work_out(models: Models) -> bytes:
            protector = models.protector(arm)
            proposed = self._propose(origin, protector, photo, face)
            began = time.perf_counter()
            data = protector.written(photo, proposed.proposal)
            seconds = proposed.seconds + time.perf_counter() - began
            return struct.pack("<d", seconds) + data

        known = self._known(key("veil", depends_on | {"settings": arm.settings.plain()}), work_out)
        (seconds,) = struct.unpack_from("<d", known)
        return known[8:], round(seconds, 3)

    def _propose(self, origin: str, protector: Protector, photo: Photo, face: Face) -> _Proposed:
        """The proposal of that origin; that of the last task is still at hand."""
        if self._proposed is None or self._proposed.origin != origin:
            began = time.perf_counter()
            proposal = protector.propose(photo, [face])
            self._proposed = _Proposed(origin, proposal, time.perf_counter() - began)
        return self._proposed

    def _sha256(self, target: Picture) -> str:
        """Of the picture's file, which is read once for all the tasks it is a target of."""
        if target.name not in self._target_sha256:
            self._target_sha256[target.name] = target.read().sha256
        return self._target_sha256[target.name]

    def _damage(self, before: Photo, after: Photo, face: Face) -> dict[str, float]:
        depends_on = {
            "files": [before.sha256, after.sha256],
            "face": face.json(),
            "code": origins.code("faceveil.bench.damage"),
        }

        def work_out(models: Models) -> bytes:
            return json.dumps(damage(before.pixels, after.pixels, face)).encode()

        figures: dict[str, float] = json.loads(self._known(key("damage", depends_on), work_out))
        return figures

    def _embeddings(
        self, photo: Photo, original: Photo, face: Face, treatments: Sequence[Treatment]
    ) -> dict[tuple[str, str], Tensor]:
        """What every victim sees in ``photo`` after every treatment."""
        embeddings = {}
        for treatment in treatments:
            # Treated and searched for faces at most once, however many victims are asked.
            seen = functools.cache(partial(self._seen, photo, original, face, treatment))
            for victim in self._scene.victims:
                depends_on = {
                    "files": [photo.sha256, original.sha256],
                    "treatment": treatment.spec,
                    "victim": origins.seen_by(victim),
                    **self._looking,
                    "code": origins.embedding_code(),
                }
                work_out = partial(self._embed, seen, victim)
                known = self._known(key("embed", depends_on), work_out)
                embeddings[victim.name, treatment.name] = load(known)["embedding"]
        return embeddings

    def _embed(
        self,
        seen: Callable[[Models], tuple[Pixels, Face]],
        victim: Victim,
        models: Models,
    ) -> bytes:
        recogniser = self._recogniser(victim, models)
        pixels, face = seen(models)
        rows = embed(pixels, [face], [recogniser])
        return save({"embedding": rows[recogniser.name][0].contiguous()})

    def _recogniser(self, victim: Victim, models: Models) -> Recogniser:
        """The victim's network with the weights it has now."""
        recogniser = models.recogniser(victim.recogniser)
        if not victim.weights:
            return recogniser
        if victim not in self._adapted:
            weights = self._store.get(victim.weights)
            if weights is None:
                raise UsageError(f"{self._scene.cache}: the weights of {victim.name} are gone.")
            self._adapted[victim] = with_weights(recogniser, weights)
        return self._adapted[victim]

    def _seen(
        self, photo: Photo, original: Photo, face: Face, treatment: Treatment, models: Models
    ) -> tuple[Pixels, Face]:
        """A treated file, and the face in it; where it was, if no detector is asked or finds it."""
        pixels = treatment(photo.pixels)
        detect = self._scene.alignment == "detector"
        found = models.detector(pixels) if detect else ()
        return pixels, found_again(face, original.pixels.shape, found, pixels.shape)


def _write(keep: Path, task: Task, data: bytes) -> None:
    arm, picture = task.name
    folder = re.sub(r"[^A-Za-z0-9._-]+", "-", arm)
    atomic.write(keep / folder / kept_name(picture, sniff(data, picture)), data, overwrite=True)


def kept_name(picture: str, format_: str) -> str:
    """The name a veiled picture is kept under: its own, where that says what the file holds."""
    own = of_suffix(Path(picture).suffix) == format_
    return picture if own else f"{picture}{SUFFIXES[format_][0]}"
