"""One item of a run: a picture, as it is or veiled, and what every victim makes of it."""

from __future__ import annotations

import functools
import json
import re
import struct
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float
from safetensors.torch import load, save
from torch import Tensor

from faceveil.app.embed import embed
from faceveil.app.engine import Engine, goal_of
from faceveil.app.protect import Protector
from faceveil.app.settings import Settings
from faceveil.app.treatment import Pixels, Treatment
from faceveil.bench.damage import damage
from faceveil.bench.data.align import as_seen, find_face
from faceveil.bench.data.pictures import Alignment, Picture
from faceveil.bench.fingerprint import fingerprint
from faceveil.bench.store import Store, key
from faceveil.core import config
from faceveil.core.errors import NoFaceError, PhotoError
from faceveil.faces.detect import Detector
from faceveil.faces.face import Face
from faceveil.faces.place import pair, resized
from faceveil.io import atomic
from faceveil.io.photo import Photo, decode
from faceveil.masks.method import Method
from faceveil.recognisers import decoys, zoo
from faceveil.recognisers.card import Card, read_card
from faceveil.recognisers.ensemble import Embeddings, Ensemble
from faceveil.recognisers.recogniser import Recogniser

LIBRARIES = ("torch", "numpy", "pillow", "kornia")
"""What figures are computed with; another version of one begins anew."""


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


@dataclass(frozen=True)
class Scene:
    """What is the same for every item of a run.

    Attributes:
        victims: recognisers that are asked about every item.
        alignment: how recognisers come to look at a picture.
        cache: the file results are kept in.
        device: where to compute.
        keep: the folder veiled pictures are written to, by arm; None for nowhere.
    """

    victims: tuple[str, ...]
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


def start(scene: Scene) -> Callable[[Task], Item]:
    """A worker for :func:`faceveil.app.pool.each`.

    It computes in one thread: how many processes share the work changes no figure.
    """
    torch.set_num_threads(1)
    return Worker(scene, Models(scene))


def recall(scene: Scene, tasks: Sequence[Task]) -> Iterator[Item | None]:
    """Each task's item if its every part is known already, else None; no model is loaded."""
    worker = Worker(scene, None)
    for task in tasks:
        try:
            yield worker(task)
        except _NotKnownError:
            yield None


class _NotKnownError(Exception):
    """A result would have to be worked out."""


class Models:
    """The detector and recognisers of a scene, each loaded when it is first asked for."""

    def __init__(self, scene: Scene):
        self._scene = scene
        self._protectors: dict[str, Protector] = {}
        self.recogniser = functools.cache(self._recogniser)

    @functools.cached_property
    def detector(self) -> Detector:
        """The bundled detector."""
        return Detector.load(self._scene.device)

    def face(self, photo: Photo) -> Face:
        """The face ``photo`` is a picture of; NoFaceError where there is none."""
        return find_face(photo, self._scene.alignment, self.detector)

    def protector(self, arm: Arm) -> Protector:
        """What veils as ``arm`` says."""
        if arm.name not in self._protectors:
            run = arm.settings.run
            surrogates = Ensemble([self.recogniser(name) for name in run.surrogates])
            people: Embeddings = {}
            if run.goal != "dodge" and arm.settings.method.optimises:
                people = self._people(arm, surrogates) if arm.targets else decoys.load(surrogates)
            engine = Engine(self.detector, surrogates, (), goal_of(run, people))
            self._protectors[arm.name] = Protector(arm.settings, engine)
        return self._protectors[arm.name]

    def _people(self, arm: Arm, recognisers: Ensemble) -> Embeddings:
        """What the surrogates see in the pictures of the arm's targets."""
        rows = []
        for picture in arm.targets:
            photo = picture.read()
            face = self.face(photo)
            rows.append(embed(photo.pixels, [face], recognisers.members, grey=photo.grey))
        device = recognisers.device
        return {name: torch.cat([row[name] for row in rows]).to(device) for name in rows[0]}

    def _recogniser(self, name: str) -> Recogniser:
        recogniser = zoo.load(name, device=self._scene.device)
        return as_seen(recogniser, self._scene.alignment)


class Worker:
    """Does tasks; what was worked out before, here or in another process, is looked up."""

    def __init__(self, scene: Scene, models: Models | None):
        """Without ``models`` it can only look up."""
        self._scene = scene
        self._models = models
        self._store = Store(scene.cache)
        self._target_sha256: dict[str, str] = {}
        self._looking = {
            "alignment": scene.alignment,
            "detector": _detector(),
            "device": scene.device,
        }

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
                raise _NotKnownError
            value = work_out(self._models)
            self._store.put(key, value)
        return value

    def _face(self, photo: Photo) -> Face | None:
        depends_on = {
            "photo": photo.sha256,
            **self._looking,
            "code": _code("faceveil.bench.data.align", "faceveil.io.photo"),
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
            "settings": arm.settings.plain(),
            "targets": [self._sha256(picture) for picture in arm.targets],
            "surrogates": [_identity(name) for name in arm.settings.run.surrogates],
            **self._looking,
            "code": _veiling_code(type(arm.settings.method)),
        }

        def work_out(models: Models) -> bytes:
            protector = models.protector(arm)
            began = time.perf_counter()
            data = protector.veil(photo, [face])
            return struct.pack("<d", time.perf_counter() - began) + data

        known = self._known(key("veil", depends_on), work_out)
        (seconds,) = struct.unpack_from("<d", known)
        return known[8:], round(seconds, 3)

    def _sha256(self, target: Picture) -> str:
        """Of the picture's file, which is read once for all the tasks it is a target of."""
        if target.name not in self._target_sha256:
            self._target_sha256[target.name] = target.read().sha256
        return self._target_sha256[target.name]

    def _damage(self, before: Photo, after: Photo, face: Face) -> dict[str, float]:
        depends_on = {
            "files": [before.sha256, after.sha256],
            "face": face.json(),
            "code": _code("faceveil.bench.damage"),
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
                    "victim": _identity(victim),
                    **self._looking,
                    "code": _embedding_code(),
                }
                work_out = partial(self._embed, seen, victim, photo.grey)
                known = self._known(key("embed", depends_on), work_out)
                embeddings[victim, treatment.name] = load(known)["embedding"]
        return embeddings

    def _embed(
        self, seen: Callable[[Models], tuple[Pixels, Face]], victim: str, grey: bool, models: Models
    ) -> bytes:
        recogniser = models.recogniser(victim)
        pixels, face = seen(models)
        rows = embed(pixels, [face], [recogniser], grey=grey)
        return save({"embedding": rows[recogniser.name][0].contiguous()})

    def _seen(
        self, photo: Photo, original: Photo, face: Face, treatment: Treatment, models: Models
    ) -> tuple[Pixels, Face]:
        """A treated file, and the face in it.

        Where the detector no longer finds it in its place, it is taken to be where it was: whoever
        wants to recognise somebody can draw the box by hand.
        """
        pixels = treatment(photo.pixels)
        (height, width), (new_height, new_width) = original.pixels.shape[:2], pixels.shape[:2]
        place = resized(face, new_width / width, new_height / height)
        if self._scene.alignment != "detector":
            return pixels, place
        (found,) = pair([place], pixels.shape, models.detector(pixels), pixels.shape)
        return pixels, place if found is None else found


def _write(keep: Path, task: Task, data: bytes) -> None:
    arm, picture = task.name
    folder = re.sub(r"[^A-Za-z0-9._-]+", "-", arm)
    name = picture if Path(picture).suffix else f"{picture}.jpg"
    atomic.write(keep / folder / name, data, overwrite=True)


@functools.cache
def card_of(recogniser: str) -> Card:
    """The card of the recogniser of that name; those of frbench have it only once loaded."""
    if recogniser.startswith("frbench:"):
        return zoo.load(recogniser).card
    return read_card(zoo.locate(recogniser))


def _identity(recogniser: str) -> dict[str, Any]:
    """All of a recogniser that its embeddings depend on."""
    card = card_of(recogniser)
    return {"network": card.sha256, "crop": config.plain(card.crop)}


@functools.cache
def _detector() -> str:
    return str(config.read(zoo.BUNDLED / "centerface.toml")["sha256"])


@functools.cache
def _code(*names: str) -> str:
    """What our code and the libraries under it are, of these modules and functions."""
    return " ".join([fingerprint(*names), *(f"{name} {version(name)}" for name in LIBRARIES)])


def _veiling_code(method: type[Method]) -> str:
    """Of the method and of everything between a photo and the veiled file."""
    parents = [kind.__module__ for kind in method.__mro__ if issubclass(kind, Method)]
    return _code(
        *parents,
        "faceveil.app.embed",
        "faceveil.app.engine:goal_of",
        "faceveil.app.protect:Protector.veil",
        "faceveil.bench.data.align",
        "faceveil.bench.work:Models",
        "faceveil.core.goal",
        "faceveil.faces.patch",
        "faceveil.io.encode",
        "faceveil.io.photo",
        "faceveil.recognisers.decoys",
    )


def _embedding_code() -> str:
    return _code(
        "faceveil.app.embed",
        "faceveil.app.treatment",
        "faceveil.bench.data.align",
        "faceveil.bench.work:Worker._seen",
        "faceveil.faces.place",
        "faceveil.io.photo",
    )
