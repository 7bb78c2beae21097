"""A 24-megapixel group photo: how long detection takes, and how much memory protecting it needs.

    python benchmarks/big_photo.py

Twenty faces of 60 to 400 px, all from the example portrait, on a 6000 x 4000 canvas. Memory is the
peak of the whole process less what it held when everything was imported and loaded; the photo
itself takes 72 MB. Time is the median detection, also as a ratio to reading and writing the same
photo as JPEG, measured in turn in the same run.
"""

from __future__ import annotations

import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceveil.app.protect import Protector
from faceveil.app.settings import Settings
from faceveil.io.encode import encode
from faceveil.io.photo import Photo, decode

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait.png"
N_FACES = 20
ROUNDS = 3


def group_photo() -> NDArray[np.uint8]:
    """Twenty portraits, each larger than the one before, in five columns and four rows."""
    canvas = Image.fromarray(
        np.random.default_rng(0).normal(120, 6, (4000, 6000, 3)).clip(0, 255).astype(np.uint8)
    )
    portrait = Image.open(PORTRAIT).convert("RGB").crop((90, 0, 362, 272))
    for index, face_px in enumerate(np.geomspace(60, 400, N_FACES)):
        side = round(272 * face_px / 100)
        row, column = divmod(index, 5)
        place = (600 + 1200 * column - side // 2, 500 + 1000 * row - side // 2)
        canvas.paste(portrait.resize((side, side), Image.Resampling.LANCZOS), place)
    return np.asarray(canvas)


def as_jpeg(pixels: NDArray[np.uint8]) -> Photo:
    """The photo as a camera would have written it."""
    seed = Photo(
        pixels=pixels,
        alpha=None,
        grey=False,
        format="JPEG",
        lossless=False,
        icc=None,
        exif=None,
        sha256="",
        notes=(),
        name="group photo",
    )
    return decode(encode(seed, pixels), "group.jpg")


def seconds(call: Callable[[], object]) -> float:
    """How long one call takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def peak_mb() -> float:
    """The most memory this process has held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Print the figures."""
    settings = Settings.build({"method": {"steps": 2}})
    protector = Protector.load(settings, device="cpu")
    before = peak_mb()
    photo = as_jpeg(group_photo())
    faces = protector.engine.detector(photo.pixels)
    sizes = f"{faces[-1].size_px:.0f} to {faces[0].size_px:.0f} px"
    print(f"{len(faces)} of {N_FACES} faces found, {sizes}")
    detections, codings = [], []
    for _ in range(ROUNDS):
        detections.append(seconds(lambda: protector.engine.detector(photo.pixels)))
        codings.append(seconds(lambda: decode(encode(photo, photo.pixels), "group.jpg")))
    print(f"detection       {statistics.median(detections):.2f} s")
    print(f"JPEG out and in {statistics.median(codings):.2f} s")
    pairs = zip(detections, codings, strict=True)
    print(f"ratio           {statistics.median(a / b for a, b in pairs):.2f}")
    print(f"memory after detection: {peak_mb() - before:.0f} MB above what was loaded")
    outcome = protector(photo)
    n_veiled = sum(face.status == "veiled" for face in outcome.faces)
    print(
        f"memory after veiling {n_veiled} faces: {peak_mb() - before:.0f} MB above what was loaded"
    )


if __name__ == "__main__":
    main()
