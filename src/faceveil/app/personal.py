"""Protect with personal masks: recognise who is enrolled, and lay on each face its own mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from faceveil.app.check import thresholds
from faceveil.app.embed import embed
from faceveil.app.engine import Engine
from faceveil.app.key import Key
from faceveil.app.protect import FaceOutcome, Outcome, Protector, Worn
from faceveil.app.settings import People, Run, Settings
from faceveil.core import seeds
from faceveil.core.errors import NoFaceError, SecretError, UsageError
from faceveil.faces.face import Face
from faceveil.faces.patch import Patch, extract, paste
from faceveil.io.encode import encode
from faceveil.io.photo import Photo
from faceveil.masks.problem import Progress
from faceveil.masks.registry import method_class
from faceveil.recognisers.gallery import Gallery
from faceveil.recognisers.recogniser import Recogniser


def load(settings: Settings, keys: Sequence[Key], *, device: str = "auto") -> Protector:
    """What veils as ``settings`` say: with the masks of ``keys`` where they name any.

    Raises:
        UsageError: ``keys`` are not those the settings name.
        ModelError: a recogniser is missing or unusable.
    """
    if settings.people is None and not keys:
        return Protector.load(settings, device=device)
    return PersonalProtector.load_with(settings, keys, device=device)


class PersonalProtector(Protector):
    """Lays the masks of enrolled people on their faces; no mask is made."""

    def __init__(self, settings: Settings, engine: Engine, keys: Sequence[Key], people: People):
        super().__init__(settings, engine)
        self.keys = tuple(keys)
        self.people = people

    @classmethod
    def load_with(
        cls, settings: Settings, keys: Sequence[Key], *, device: str = "auto"
    ) -> PersonalProtector:
        """A protector with the recognisers that the keys were made against, and others held out.

        Raises:
            UsageError: ``keys`` are not those the settings name.
            ModelError: a recogniser is missing or unusable.
            SecretError: a recogniser has changed since a key was made against it.
        """
        people = settings.people
        if people is None or {key.digest for key in keys} != set(people.keys):
            raise UsageError(
                "This veil takes the personal masks it was made with: name the same people with "
                "--person."
            )
        engine = Engine.load(_run(settings.run, keys), device=device)
        _check_recognisers(keys, engine.surrogates.members)
        return cls(settings, engine, keys, people)

    def __call__(self, photo: Photo, progress: Progress = lambda share: None) -> Outcome:
        """``photo`` with the faces of enrolled people veiled, encoded and judged.

        Raises:
            NoFaceError: there is no face in the photo, or none to veil.
            PhotoError: the veiled photo cannot be encoded.
        """
        faces = self.engine.detector(photo.pixels)
        if not faces:
            raise NoFaceError(f"{photo.name}: no face found, so there is nothing to veil.")
        dressed = self.dress(photo, faces[: self.settings.run.n_faces])
        chosen = [one.face for one in dressed if one.veiled is not None]
        if not any(one.worn for one in dressed):
            raise NoFaceError(
                f"{photo.name}: {_listed(self.keys)} not recognised in any of its {len(faces)} "
                "faces, so nothing was veiled; enrol with a photo like this one, or veil it with "
                "another method."
            )
        progress(1.0)
        skipped = tuple(
            FaceOutcome(index, face.box, "skipped", "only the largest were asked for")
            for index, face in enumerate(faces[len(dressed) :], start=len(dressed))
        )
        outcomes = tuple(one.outcome(index) for index, one in enumerate(dressed))
        return self.judged(photo, self._written(photo, dressed), chosen, outcomes + skipped)

    def veil(
        self, photo: Photo, faces: Sequence[Face], progress: Progress = lambda share: None
    ) -> bytes:
        """The bytes of ``photo``'s file with those of these faces veiled that are enrolled."""
        data = self._written(photo, self.dress(photo, faces))
        progress(1.0)
        return data

    def dress(self, photo: Photo, faces: Sequence[Face]) -> list[Dressed]:
        """What becomes of each face of ``photo``."""
        recognisers = self.engine.surrogates.members
        rows = embed(photo.pixels, faces, recognisers)
        wearers = recognise(rows, self.keys, recognisers)
        height, width = photo.pixels.shape[:2]
        budget = self.settings.budget
        dressed = []
        for index, (face, key) in enumerate(zip(faces, wearers, strict=True)):
            patch = extract(photo.pixels, face, region=budget.region)
            if key is None:
                hidden = self._hidden(
                    patch, seeds.derive(self.settings.run.seed, photo.sha256, index)
                )
                dressed.append(Dressed(face, patch, hidden, None))
                continue
            veiled, strength = key.mask.lay(patch, budget)
            points = tuple((float(x), float(y)) for x, y in face.landmarks)
            worn = Worn(key.digest, strength, points, (width, height))
            dressed.append(Dressed(face, patch, veiled, worn))
        return dressed

    def _hidden(self, patch: Patch, seed: int) -> NDArray[np.uint8] | None:
        """A stranger's pixels obfuscated, None if they are left alone."""
        if self.people.strangers == "leave":
            return None
        kind = method_class(self.people.strangers)
        budget = replace(kind.default_budget, region=self.settings.budget.region)
        proposal = kind()(
            [patch],
            self.engine.surrogates,
            self.engine.goal,
            budget=budget,
            views=kind.default_views,
            face_seeds=[seed],
        )
        (veiled,) = proposal.within(budget)
        return veiled

    def _written(self, photo: Photo, dressed: Sequence[Dressed]) -> bytes:
        run = self.settings.run
        veiled = [(one.patch, one.veiled) for one in dressed if one.veiled is not None]
        pixels = paste(photo.pixels, veiled)
        return encode(photo, pixels, quality=run.quality, keep_metadata=run.keep_metadata)


@dataclass(frozen=True, eq=False)
class Dressed:
    """A face with its veiled pixels, None if it is left alone, and the mask it wears, if any."""

    face: Face
    patch: Patch
    veiled: NDArray[np.uint8] | None
    worn: Worn | None

    def outcome(self, index: int) -> FaceOutcome:
        """What the receipt says of it."""
        if self.veiled is None:
            why = "nobody enrolled was recognised in it"
            return FaceOutcome(index, self.face.box, "skipped", why)
        return FaceOutcome(index, self.face.box, "veiled", worn=self.worn)


def recognise(
    rows: Mapping[str, Float[Tensor, "n _"]],
    keys: Sequence[Key],
    recognisers: Sequence[Recogniser],
) -> list[Key | None]:
    """Whose face each is, None for strangers.

    A recogniser matches a face to a person when the most similar photo of their enrolment reaches
    its threshold at a false accept rate of .01. At least half of those that know the person must;
    of several people the one most similar, in units from the threshold to 1, is taken.

    Args:
        rows: embeddings of the faces, by recogniser.
        keys: who may be there.
        recognisers: who judge; those without thresholds say nothing.
    """
    n_faces = len(next(iter(rows.values())))
    margins: list[dict[str, list[float]]] = [{} for _ in range(n_faces)]
    for one in recognisers:
        needed = thresholds(one.card)[0]
        gallery = Gallery(one.card)
        for key in keys:
            if one.name in key.templates:
                templates = key.templates[one.name]
                gallery.add([key.digest] * len(templates), templates)
        if needed is None or not len(gallery):
            continue
        found = gallery.search(rows[one.name], len(gallery))
        pairs = zip(margins, found.labels, found.similarities.tolist(), strict=True)
        for margin, labels, similarities in pairs:
            best = dict(zip(reversed(labels), reversed(similarities), strict=True))
            for digest, similarity in best.items():
                margin.setdefault(digest, []).append((similarity - needed) / (1 - needed))
    by_digest = {key.digest: key for key in keys}
    return [None if (who := _likeliest(margin)) is None else by_digest[who] for margin in margins]


def _likeliest(margins: Mapping[str, Sequence[float]]) -> str | None:
    mean = {
        digest: sum(each) / len(each)
        for digest, each in margins.items()
        if 2 * sum(one >= 0 for one in each) >= len(each)
    }
    return max(mean, key=mean.__getitem__, default=None)


def _run(run: Run, keys: Sequence[Key]) -> Run:
    """Whoever a mask was made against cannot be held out; they also recognise the people."""
    known = tuple(dict.fromkeys(name for key in keys for name in key.templates))
    others = tuple(name for name in (*run.surrogates, *run.held_out) if name not in known)
    return replace(run, surrogates=known, held_out=others, goal="dodge", targets=None)


def _check_recognisers(keys: Sequence[Key], recognisers: Sequence[Recogniser]) -> None:
    now = {one.name: one.card.sha256 for one in recognisers}
    for key in keys:
        for name, sha256 in key.about.recognisers.items():
            if now[name] != sha256:
                raise SecretError(
                    f"{name} is not the recogniser {key.name} was enrolled with any more: enrol "
                    f"{key.name} again."
                )


def _listed(keys: Sequence[Key]) -> str:
    names = [key.name for key in keys]
    return f"{names[0]} was" if len(names) == 1 else f"{', '.join(names)} were"
