"""The docs' pictures of veils: a face before and after, and ten times the difference, a row a veil.

    python tools/readme_picture.py BEFORE AFTER... OUT.jpg

Files are read as they were written; the square is the one the face was worked on in.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceveil.faces.detect import Detector
from faceveil.faces.patch import extract
from faceveil.io.photo import read

GAIN = 10
PANEL_PX = 300
GAP_PX = 8
Pixels = NDArray[np.uint8]


def main() -> None:
    """Write a row of three panels for each veil."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path, nargs="+")
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    photo = read(args.before)
    face = Detector.load()(photo.pixels)[0]
    before, *veiled = (
        extract(pixels, face).native
        for pixels in (photo.pixels, *(read(path).pixels for path in args.after))
    )
    rows = [row(before, after) for after in veiled]
    gap = np.full((GAP_PX, rows[0].shape[1], 3), 255, np.uint8)
    between = [part for one in rows for part in (gap, one)]
    Image.fromarray(np.concatenate(between[1:])).save(args.out, quality=92)


def row(before: Pixels, after: Pixels) -> Pixels:
    """Before, after, and the difference."""
    difference = 127.5 + GAIN * (after.astype(np.float32) - before)
    panels = [before, after, difference.clip(0, 255).astype(np.uint8)]
    size = (PANEL_PX, PANEL_PX)
    resized = [
        np.asarray(Image.fromarray(p).resize(size, Image.Resampling.LANCZOS)) for p in panels
    ]
    gap = np.full((PANEL_PX, GAP_PX, 3), 255, np.uint8)
    return np.concatenate([resized[0], gap, resized[1], gap, resized[2]], axis=1)


if __name__ == "__main__":
    main()
