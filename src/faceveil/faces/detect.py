"""Find every face of a photo, from one of 60 px in 24 megapixels to one that fills the frame."""

from __future__ import annotations

import math
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor, nn

from faceveil.core import config
from faceveil.faces import centerface
from faceveil.faces.face import Face
from faceveil.faces.regions import misfit
from faceveil.faces.window import Window
from faceveil.recognisers.card import read_weights
from faceveil.recognisers.onnx import importer
from faceveil.recognisers.zoo import BUNDLED

CANDIDATE_SCORE = 0.3
"""Where the first look sees this much of a face, a second look follows."""
FACE_SCORE = 0.4
"""What is reported has this score in the mean of all looks. Whole faces have .65 and more, those
the frame cuts less; what is no face did not come above .3 in any photo tried."""
OVERLAP = 0.3
"""Two boxes whose intersection over union is larger show one face."""

WHOLE_AREA_PX = 2_600_000
"""The photo is looked at in full at no more pixels than this. So 24 megapixels shrink to a third,
where a face of 60 px has 20 px; CenterFace finds all faces of 16 px and over."""
OVERVIEW_PX = 256
"""And once as small as this, within a border as wide as half of it: there a face that fills the
frame, or is cut by it, has the size and the surroundings of an ordinary one."""
SECOND_LOOK_PX = 192
"""The second look shows each face at half this size, whatever its size in the photo, and mirrored
too. That halves the landmarks' scatter between two sizes of one photo (5 to 2 % of the distance
of the eyes)."""
AT_ONCE = 16

MISFIT_PX = 17.6
"""Landmarks less like a face than this are not one: points without any order lie around 21 (see
:func:`~faceveil.faces.regions.misfit`)."""


class Detector:
    """CenterFace over a photo at two scales, then over each face at one canonical scale.

    It holds no state that a call changes, so threads may share it.
    """

    def __init__(self, network: nn.Module, device: torch.device | str = "cpu"):
        self._network = network.to(device, torch.float32).eval().requires_grad_(requires_grad=False)
        self._device = torch.device(device)

    @classmethod
    def load(cls, device: torch.device | str = "cpu") -> Detector:
        """The bundled detector on ``device``.

        Raises:
            ModelError: its weights are missing or altered.
        """
        card = config.read(BUNDLED / "centerface.toml")
        path: Path = BUNDLED / card["weights"]
        return cls(importer.from_bytes(read_weights(path, card["sha256"]), str(path)), device)

    @torch.inference_mode()
    def __call__(self, pixels: npt.NDArray[np.uint8]) -> tuple[Face, ...]:
        """The faces of an RGB photo ``(h, w, 3)``, largest first, then from left to right.

        A pure function of the pixels. For 24 megapixels it needs about 0.6 GB beyond the photo.
        """
        photo = Image.fromarray(pixels)
        candidates = [face for view in first_looks(*photo.size) for face in self._look(photo, view)]
        candidates = [face for face in distinct(candidates) if _possible(face, *photo.size)]
        faces: list[Face] = []
        for start in range(0, len(candidates), AT_ONCE):
            faces += self._look_again(photo, candidates[start : start + AT_ONCE])
        return tuple(
            sorted(distinct(faces), key=lambda face: (-face.size_px, face.box[0], face.box[1]))
        )

    def _look(self, photo: Image.Image, view: Window) -> Iterator[Face]:
        """Every cell of the view that may be the centre of a face."""
        found = centerface.cells(self._network, self._tensor([view.pixels(photo)]))
        (chosen,) = torch.nonzero(found.scores[0] > CANDIDATE_SCORE, as_tuple=True)
        for cell in chosen.tolist():
            box, landmarks = found.boxes[0, cell], found.landmarks[0, cell]
            yield _face(view, box, landmarks, float(found.scores[0, cell]))

    def _look_again(self, photo: Image.Image, faces: list[Face]) -> Iterator[Face]:
        """Those of ``faces`` that a close look confirms, with the box and landmarks it gives.

        Of the cells near the middle the best is taken, in the view and in its mirror image. Box
        and landmarks are the mean of these two, the score is the mean of these and the first look.
        """
        views = [close_up(face) for face in faces]
        images = self._tensor([view.pixels(photo) for view in views])
        found = centerface.cells(self._network, torch.cat((images, images.flip(-1))))
        centres = (found.boxes[..., :2] + found.boxes[..., 2:]) / 2
        middle = (SECOND_LOOK_PX - 1) / 2
        away = (centres - middle).norm(dim=-1) / (SECOND_LOOK_PX / 4)
        scores = found.scores * (away < 1)
        best = scores.argmax(-1)
        row = torch.arange(len(best), device=best.device)
        boxes, landmarks = found.boxes[row, best], found.landmarks[row, best]
        seen = scores[row, best]

        n, edge = len(faces), SECOND_LOOK_PX - 1
        boxes[n:, [0, 2]] = edge - boxes[n:, [2, 0]]
        landmarks[n:] = landmarks[n:, [1, 0, 2, 4, 3]]
        landmarks[n:, :, 0] = edge - landmarks[n:, :, 0]
        boxes, landmarks = (boxes[:n] + boxes[n:]) / 2, (landmarks[:n] + landmarks[n:]) / 2
        fits = misfit(landmarks) < MISFIT_PX
        for i, face in enumerate(faces):
            score = (face.score + float(seen[i] + seen[n + i])) / 3
            if score > FACE_SCORE and fits[i]:
                yield _face(views[i], boxes[i], landmarks[i], score)

    def _tensor(self, images: list[npt.NDArray[np.uint8]]) -> Tensor:
        batch = torch.from_numpy(np.stack(images)).to(self._device)
        return batch.permute(0, 3, 1, 2).float()


def first_looks(width: int, height: int) -> Iterator[Window]:
    """The views in which every face of a photo of this size has a size the network knows."""
    whole = min(1.0, math.sqrt(WHOLE_AREA_PX / (width * height)))
    overview = min(1.0, OVERVIEW_PX / max(width, height))
    if overview < whole:
        yield Window(0, 0, whole, _round_up(width * whole), _round_up(height * whole))
    if min(width, height) * overview >= 1:
        margin = OVERVIEW_PX / 2
        sides = (_round_up(side * overview + 2 * margin) for side in (width, height))
        yield Window(-margin / overview, -margin / overview, overview, *sides)


def close_up(face: Face) -> Window:
    """A square twice as large as the face, with the face in its middle."""
    left, top, right, bottom = face.box
    reach = face.size_px
    return Window(
        (left + right + 1) / 2 - reach,
        (top + bottom + 1) / 2 - reach,
        SECOND_LOOK_PX / (2 * reach),
        SECOND_LOOK_PX,
        SECOND_LOOK_PX,
    )


def distinct(faces: list[Face]) -> list[Face]:
    """Non-maximum suppression: ``faces`` by falling score, without those that overlap a better."""
    faces = sorted(faces, key=lambda face: (-face.score, face.box))
    boxes = np.array([face.box for face in faces], np.float64).reshape(-1, 4)
    area = (boxes[:, 2:] - boxes[:, :2]).prod(1)
    alive = np.ones(len(faces), bool)
    for i in range(len(faces)):
        if alive[i]:
            reach = np.minimum(boxes[i, 2:], boxes[:, 2:]) - np.maximum(boxes[i, :2], boxes[:, :2])
            shared = reach.clip(0).prod(1)
            alive[i + 1 :] &= (shared / (area[i] + area - shared))[i + 1 :] <= OVERLAP
    return [face for face, keep in zip(faces, alive, strict=True) if keep]


def _face(view: Window, box: Tensor, landmarks: Tensor, score: float) -> Face:
    left, top, right, bottom = view.to_photo(box.cpu().numpy().reshape(2, 2)).ravel().tolist()
    points = view.to_photo(landmarks.cpu().numpy())
    return Face((left, top, right, bottom), points, score)


def _possible(face: Face, width: int, height: int) -> bool:
    """Whether the face's centre, and enough of it to look at closely, lie in the photo."""
    left, top, right, bottom = face.box
    centred = 0 <= (left + right) / 2 < width and 0 <= (top + bottom) / 2 < height
    return centred and face.size_px < 4 * min(width, height)


def _round_up(side: float) -> int:
    return max(1, math.ceil(side / centerface.MULTIPLE)) * centerface.MULTIPLE
