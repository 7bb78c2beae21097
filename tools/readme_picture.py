"""The README's picture: a face before and after its veil, and ten times the difference.

    python tools/readme_picture.py BEFORE AFTER OUT.jpg

Both files are read as they were written; the square is the one the face was worked on in.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from PIL import Image

from faceveil.faces.detect import Detector
from faceveil.faces.patch import extract
from faceveil.io.photo import read

GAIN = 10
PANEL_PX = 300


def main() -> None:
    """Write the three panels side by side."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("before", type=Path)
    parser.add_argument("after", type=Path)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    photo = read(args.before)
    face = Detector.load()(photo.pixels)[0]
    before, after = (
        extract(pixels, face, grey=photo.grey).native
        for pixels in (photo.pixels, read(args.after).pixels)
    )
    difference = 127.5 + GAIN * (after.astype(np.float32) - before)
    panels = [before, after, difference.clip(0, 255).astype(np.uint8)]
    size = (PANEL_PX, PANEL_PX)
    resized = [
        np.asarray(Image.fromarray(p).resize(size, Image.Resampling.LANCZOS)) for p in panels
    ]
    gap = np.full((PANEL_PX, 8, 3), 255, np.uint8)
    row = np.concatenate([resized[0], gap, resized[1], gap, resized[2]], axis=1)
    Image.fromarray(row).save(args.out, quality=92)


if __name__ == "__main__":
    main()
