"""The models of a scene, loaded when they are needed and not before."""

from __future__ import annotations

import functools

import torch

from faceveil.app.embed import embed
from faceveil.app.engine import Engine, goal_of
from faceveil.app.protect import Protector
from faceveil.bench.task import Arm, Scene
from faceveil.data.align import as_seen, find_face
from faceveil.faces.detect import Detector
from faceveil.faces.face import Face
from faceveil.io.photo import Photo
from faceveil.recognisers import decoys, zoo
from faceveil.recognisers.ensemble import Embeddings, Ensemble
from faceveil.recognisers.recogniser import Recogniser


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
            if run.goal != "dodge":
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
            rows.append(embed(photo.pixels, [face], recognisers.members))
        device = recognisers.device
        return {name: torch.cat([row[name] for row in rows]).to(device) for name in rows[0]}

    def _recogniser(self, name: str) -> Recogniser:
        recogniser = zoo.load(name, device=self._scene.device)
        return as_seen(recogniser, self._scene.alignment)
