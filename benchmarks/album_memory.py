"""Whether memory stays flat over a long album, and how many photos an hour that is.

    python benchmarks/album_memory.py [--photos 2000]

The album is the example portrait again and again, each time at another size and place, so that no
two photos are alike. Every photo goes the whole way: read, detected, veiled with one step, encoded,
judged by a held-out recogniser, written with its receipt. Memory is what the process holds after a
tenth, a half and all of the photos.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
from PIL import Image

from faceveil.app import album
from faceveil.app.protect import Protector
from faceveil.app.settings import Settings

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait.png"


def shoot(path: Path, index: int) -> None:
    """Photo number ``index``: the portrait's head, 128 to 191 px, somewhere on a grey wall."""
    draws = np.random.default_rng(index)
    side = 128 + index % 64
    head = Image.open(PORTRAIT).convert("RGB").crop((90, 0, 362, 272)).resize((side, side))
    wall = Image.fromarray(draws.normal(128, 4, (256, 256, 3)).clip(0, 255).astype(np.uint8))
    wall.paste(head, tuple(draws.integers(0, 256 - side, 2).tolist()))
    wall.save(path, quality=95)


def held_mib() -> float:
    """What the process holds now."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
    return pages * resource.getpagesize() / (1 << 20)


def main() -> None:
    """Print a line for each part of the album."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", type=int, default=2000)
    n_photos: int = parser.parse_args().photos
    method = {"name": "veil", "steps": 1, "settling": 0}
    run = {"surrogates": ["mobilefacenet"], "held_out": ["dlib"]}
    protector = Protector.load(Settings.build({"method": method, "run": run}), device="cpu")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        began = time.perf_counter()
        for index in range(n_photos):
            photo = folder / "photo.jpg"
            shoot(photo, index)
            item = album.run_job(album.Job(photo, folder / f"{index}.jpg"), protector)
            if item.status != "veiled":
                raise SystemExit(f"photo {index}: {item.message}")
            (folder / f"{index}.jpg").unlink()
            if index + 1 in {n_photos // 10, n_photos // 2, n_photos}:
                seconds = (time.perf_counter() - began) / (index + 1)
                print(f"{index + 1} photos: {held_mib():.0f} MiB, {seconds:.2f} s each", flush=True)


if __name__ == "__main__":
    main()
