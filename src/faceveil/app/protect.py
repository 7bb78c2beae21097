"""Protect one photo: find its faces, veil them, write the file's bytes, and judge those bytes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from faceveil.app.check import compare
from faceveil.app.engine import Engine
from faceveil.app.settings import Settings
from faceveil.app.trace import marked
from faceveil.app.treatment import treatments
from faceveil.app.verdict import Verdict
from faceveil.core import seeds
from faceveil.core.config import Strict
from faceveil.core.errors import NoFaceError, UsageError
from faceveil.core.ranges import Count, Finite, Share
from faceveil.faces.face import Face
from faceveil.faces.patch import extract, paste
from faceveil.io.encode import encode
from faceveil.io.photo import Photo, decode
from faceveil.marks.reader import Mark
from faceveil.masks.method import Proposal
from faceveil.masks.problem import Progress
from faceveil.masks.watermark import Watermark

TREATED = treatments(quality=75, scale=1)
"""What each veil is judged after: as written, and after JPEG 75 as websites use it."""


@dataclass(frozen=True)
class Worn(Strict):
    """The personal mask a face wears, and all it takes to lay it there again.

    Attributes:
        key: the mask's SHA-256.
        strength: the share of the mask that was laid, in [0, 1].
        landmarks: the five of the face, in px of the photo.
        photo_px: the photo's width and height.
    """

    key: str
    strength: Share
    landmarks: tuple[tuple[Finite, Finite], ...]
    photo_px: tuple[Count, Count]

    def __post_init__(self) -> None:
        super().__post_init__()
        if len(self.landmarks) != 5:
            raise UsageError(f"worn: a face has five landmarks, not {len(self.landmarks)}.")


@dataclass(frozen=True)
class FaceOutcome:
    """What became of one face, largest first; ``why`` says why it was skipped.

    ``worn`` is the personal mask laid on it, if one was; ``mark`` is what was read of its owner in
    the written file, None where no mark was asked for or it cannot be read there.
    """

    index: int
    box: tuple[float, float, float, float]
    status: Literal["veiled", "skipped"]
    why: str | None = None
    worn: Worn | None = None
    mark: Mark | None = None


@dataclass(frozen=True, eq=False)
class Outcome:
    """A veiled photo.

    Attributes:
        data: the file's bytes, in the format the photo came in.
        photo: those bytes decoded again.
        faces: what became of each face found.
        verdict: what every recogniser says of those bytes against the photo that came in.
    """

    data: bytes
    photo: Photo
    faces: tuple[FaceOutcome, ...]
    verdict: Verdict


class Protector:
    """Veils photos with one set of settings and models; calls do not influence each other."""

    def __init__(self, settings: Settings, engine: Engine):
        self.settings = settings
        self.engine = engine

    @classmethod
    def load(cls, settings: Settings | None = None, *, device: str = "auto") -> Protector:
        """A protector with the models its settings name; see :meth:`Engine.load` for errors."""
        settings = settings or Settings()
        return cls(settings, Engine.load(settings.run, device=device))

    def __call__(self, photo: Photo, progress: Progress = lambda share: None) -> Outcome:
        """``photo`` veiled, encoded and judged.

        Args:
            photo: as :func:`faceveil.io.photo.read` gives it; it is not changed.
            progress: called with the share of the veiling done since its last call.

        Raises:
            NoFaceError: there is no face in the photo.
            PhotoError: the veiled photo cannot be encoded.
        """
        faces = self.engine.detector(photo.pixels)
        if not faces:
            raise NoFaceError(f"{photo.name}: no face found, so there is nothing to veil.")
        chosen = faces[: self.settings.run.n_faces]
        data = self.veil(photo, chosen, progress)
        return self.judged(photo, data, chosen, _outcomes(faces, len(chosen)))

    def veil(
        self, photo: Photo, faces: Sequence[Face], progress: Progress = lambda share: None
    ) -> bytes:
        """The bytes of ``photo``'s file with these of its faces veiled, not judged."""
        return self.written(photo, self.propose(photo, faces, progress))

    def propose(
        self, photo: Photo, faces: Sequence[Face], progress: Progress = lambda share: None
    ) -> Proposal:
        """What the method would draw on these faces of ``photo``."""
        run, region = self.settings.run, self.settings.budget.region
        return self.settings.method(
            [extract(photo.pixels, face, region=region) for face in faces],
            self.engine.surrogates,
            self.engine.goal,
            budget=self.settings.budget,
            views=self.settings.views,
            face_seeds=[seeds.derive(run.seed, photo.sha256, i) for i in range(len(faces))],
            progress=progress,
        )

    def written(self, photo: Photo, proposal: Proposal) -> bytes:
        """The bytes of ``photo``'s file with that much of ``proposal`` as the budget allows."""
        run, veiled = self.settings.run, proposal.within(self.settings.budget)
        pixels = paste(photo.pixels, list(zip(proposal.patches, veiled, strict=True)))
        return encode(photo, pixels, quality=run.quality, keep_metadata=run.keep_metadata)

    def judged(
        self, photo: Photo, data: bytes, veiled: Sequence[Face], faces: tuple[FaceOutcome, ...]
    ) -> Outcome:
        """``data``, a file made of ``photo``, with what recognisers say of its veiled faces."""
        after = decode(data, photo.name)
        if isinstance(method := self.settings.method, Watermark):
            marks = marked(after, self.engine.detector, [face.box for face in faces], method.owner)
            faces = tuple(replace(face, mark=mark) for face, mark in zip(faces, marks, strict=True))
        verdict = compare(
            photo,
            after,
            self.engine.detector,
            self.engine.judges,
            faces=veiled,
            treated=TREATED,
        )
        return Outcome(data, after, faces, verdict)


def _outcomes(faces: tuple[Face, ...], n_veiled: int) -> tuple[FaceOutcome, ...]:
    why = f"only the {n_veiled} largest faces were asked for" if n_veiled > 1 else None
    why = why or "only the largest face was asked for"
    return tuple(
        FaceOutcome(index, face.box, "veiled")
        if index < n_veiled
        else FaceOutcome(index, face.box, "skipped", why)
        for index, face in enumerate(faces)
    )
