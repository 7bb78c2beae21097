"""What faces without a mark say: how many are taken for marked, and how nearly they say by chance.

    python benchmarks/false_alarms.py DATA... --crops 10000

Each DATA is ``orl`` or holds people as PERSON/PHOTO. Photos without a mark are turned, scaled,
mirrored and compressed by chance until there are so many crops; the mark is looked for in each as
``faceveil trace`` does. By construction none should be found (6.3e-7 a face), and the bits a face
says, from whichever place it is asked, should differ from an owner's word as coins do: in 63.5 of
127 places, give or take 5.63. Each is compared with the words of 1,000 owners drawn at random. A
thousand crops take some minutes.
"""

from __future__ import annotations

import argparse
import math
import random
from dataclasses import dataclass
from functools import cache, partial
from io import BytesIO
from multiprocessing import get_context

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from faceveil.app.treatment import Pixels
from faceveil.core.seeds import derive
from faceveil.data.open import open_pictures
from faceveil.data.pictures import Picture
from faceveil.faces.detect import Detector
from faceveil.faces.patch import extract
from faceveil.marks import code
from faceveil.marks.reader import mark_in, words

N_OWNERS = 1000


@dataclass(frozen=True)
class Said:
    """Of one crop: whether a mark is read, and how many bits differ from each owner's word."""

    read: bool
    n_wrong: NDArray[np.uint8]


def main() -> None:
    """Print how many crops say a mark, and how the bits are distributed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", nargs="+")
    parser.add_argument("--crops", type=int, default=10_000)
    parser.add_argument("--jobs", type=int, default=2)
    args = parser.parse_args()
    photos = [(data, index) for data in args.data for index in range(len(_pictures(data)))]
    turns = -(-args.crops // len(photos))
    tasks = [(*photo, turn) for turn in range(turns) for photo in photos][: args.crops]
    with get_context("spawn").Pool(args.jobs, partial(torch.set_num_threads, 1)) as pool:
        answers = []
        for done, answer in enumerate(pool.imap_unordered(_said, tasks, chunksize=8), start=1):
            answers += [] if answer is None else [answer]
            if done % 500 == 0:
                print(f"{done} of {len(tasks)}", flush=True)
    n_wrong = np.stack([answer.n_wrong for answer in answers])
    n_read = sum(answer.read for answer in answers)
    print(f"{len(answers)} crops with a face of {len(tasks)}: {n_read} marks read.")
    print(
        f"Bits that differ, of {n_wrong.size} comparisons with an owner's word: mean "
        f"{n_wrong.mean():.3f} ({code.N_BITS / 2:.1f} of coins), deviation {n_wrong.std():.3f} "
        f"({math.sqrt(code.N_BITS) / 2:.3f}), least {n_wrong.min()} ({_least(n_wrong.size)})."
    )


@cache
def _pictures(data: str) -> list[Picture]:
    return list(open_pictures(data))


@cache
def _detector() -> Detector:
    return Detector.load("cpu")


@cache
def _words() -> NDArray[np.int64]:
    """Of owners drawn at random."""
    draw = random.Random(0)
    return np.array([code.encode(draw.getrandbits(code.N_PAYLOAD)) for _ in range(N_OWNERS)])


def _said(task: tuple[str, int, int]) -> Said | None:
    data, index, turn = task
    photo = _pictures(data)[index].read()
    draw = random.Random(derive(0, data, index, turn))
    pixels = photo.pixels if turn == 0 else _varied(photo.pixels, draw)
    faces = _detector()(pixels)
    if not faces:
        return None
    found = words(extract(pixels, faces[0]))
    n_wrong = (_words() != np.array(found)[:, None]).sum(2, dtype=np.uint8).ravel()
    return Said(mark_in(found) is not None, n_wrong)


def _varied(pixels: Pixels, draw: random.Random) -> Pixels:
    """The photo mirrored or not, turned by up to 10 degrees, .7 to 1.5 times as large, as JPEG."""
    image = Image.fromarray(pixels)
    if draw.random() < 0.5:
        image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    image = image.rotate(draw.uniform(-10, 10), Image.Resampling.BICUBIC)
    factor = draw.uniform(0.7, 1.5)
    width, height = (round(factor * side) for side in image.size)
    file = BytesIO()
    image.resize((width, height), Image.Resampling.LANCZOS).save(
        file, "JPEG", quality=draw.randint(60, 95)
    )
    return np.array(Image.open(file))


def _least(n: int) -> int:
    """The least of so many counts of heads that is to be expected."""
    total, heads = 0.0, -1
    while total * n < 1:
        heads += 1
        total += math.comb(code.N_BITS, heads) / 2**code.N_BITS
    return heads


if __name__ == "__main__":
    main()
