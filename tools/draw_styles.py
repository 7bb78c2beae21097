"""Draws the bundled makeup styles: a face that is nobody's, made up in several ways.

    python tools/draw_styles.py

writes ``NAME.png`` into ``src/faceveil/masks/styles``. Everything is drawn from the formulas below;
no photo of anybody is used.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

OUT = Path(__file__).resolve().parent.parent / "src" / "faceveil" / "masks" / "styles"
SIDE_PX = 192
FINER = 3
Colour = tuple[int, int, int]
Plane = NDArray[np.float64]

SKIN: Colour = (222, 178, 152)
HAIR: Colour = (70, 48, 38)


@dataclass(frozen=True)
class Style:
    """Colours, sRGB; ``cheek_depth`` and ``lid_depth`` are how much of theirs is laid on."""

    lips: Colour
    lids: Colour
    cheeks: Colour
    brows: Colour
    lid_depth: float
    cheek_depth: float


STYLES = {
    "rose": Style((190, 72, 92), (186, 128, 130), (222, 120, 120), (98, 68, 54), 0.75, 0.6),
    "smoky": Style((176, 98, 92), (74, 62, 66), (206, 132, 112), (66, 46, 40), 0.85, 0.4),
    "coral": Style((226, 92, 74), (214, 150, 104), (240, 128, 96), (110, 76, 56), 0.7, 0.65),
    "plum": Style((128, 40, 78), (134, 88, 136), (204, 112, 126), (76, 52, 46), 0.75, 0.5),
}


class Canvas:
    """A square drawn at three times its size; x and y run from 0 to 100."""

    def __init__(self, colour: Colour) -> None:
        side = SIDE_PX * FINER
        line = (np.arange(side) + 0.5) * 100 / side
        self.x, self.y = np.meshgrid(line, line)
        self.pixels = np.ones((side, side, 3)) * colour

    def lay(self, weight: Plane, colour: Colour) -> None:
        """Paint with ``weight`` in [0, 1]."""
        self.pixels += weight[..., None] * (np.array(colour) - self.pixels)

    def shade(self, gain: Plane) -> None:
        """Multiply the brightness."""
        self.pixels *= gain[..., None]

    def oval(self, x: float, y: float, width: float, height: float, soft: float) -> Plane:
        """An ellipse of these radii whose rim is ``soft`` wide, as a share of them."""
        radius = np.hypot((self.x - x) / width, (self.y - y) / height)
        return rise((1 + soft / 2 - radius) / soft)

    def below(self, edge: Plane, soft: float) -> Plane:
        """Where y is greater than ``edge``."""
        return rise((self.y - edge) / soft + 0.5)

    def image(self) -> Image.Image:
        """The finished drawing."""
        whole = Image.fromarray(self.pixels.clip(0, 255).round().astype(np.uint8))
        return whole.reduce(FINER)


def rise(values: Plane) -> Plane:
    """From 0 to 1, smooth."""
    share = values.clip(0, 1)
    return share * share * (3 - 2 * share)


def draw(style: Style) -> Image.Image:
    """The face in ``style``."""
    canvas = Canvas((176, 186, 196))
    x, y = canvas.x, canvas.y
    canvas.lay(canvas.oval(50, 46, 37, 42, 0.06), HAIR)
    canvas.lay(canvas.oval(50, 100, 34, 18, 0.08), (96, 110, 128))
    canvas.lay(canvas.oval(50, 88, 12, 22, 0.1), (196, 152, 128))
    face = canvas.oval(50, 53, 27, 36, 0.05)
    canvas.lay(face, SKIN)
    canvas.shade(1 - 0.22 * face * rise(np.hypot((x - 49) / 31, (y - 50) / 41) * 2.2 - 1.1))
    canvas.shade(
        1 + 0.07 * canvas.oval(50, 32, 16, 9, 1.4) + 0.07 * canvas.oval(49, 57, 2, 12, 1.6)
    )
    canvas.shade(
        1 - 0.12 * canvas.oval(45.6, 60, 2.4, 7, 1.6) - 0.16 * canvas.oval(54.8, 60, 2.4, 7, 1.6)
    )
    canvas.shade(1 - 0.2 * canvas.oval(50, 66.8, 6, 2, 1.2))
    for side in (-1, 1):
        canvas.shade(1 - 0.55 * canvas.oval(50 + side * 2.8, 65.8, 1.4, 0.8, 0.9))
        canvas.lay(style.cheek_depth * canvas.oval(50 + side * 16.5, 59, 9, 6, 1.3), style.cheeks)
        _eye(canvas, style, side)
    _mouth(canvas, style)
    return canvas.image()


def _eye(canvas: Canvas, style: Style, side: int) -> None:
    u = side * (canvas.x - 50) - 11.5
    v = canvas.y - 46.5
    upper, lower = -2.7 * (1 - (u / 5.6) ** 2), 1.9 * (1 - (u / 5.6) ** 2)
    lid = rise((9 - np.hypot(u - 0.6, 1.25 * (v + 2.2))) / 4)
    canvas.lay(style.lid_depth * lid * rise((1.5 - v) / 2), style.lids)
    opening = rise((v - upper) / 0.5 + 0.5) * rise((lower - v) / 0.5 + 0.5) * (np.abs(u) < 5.6)
    canvas.lay(opening, (236, 230, 226))
    iris = np.hypot(u, v + 0.4)
    canvas.lay(opening * rise((2.5 - iris) / 0.4), (88, 74, 58))
    canvas.lay(opening * rise((1.2 - iris) / 0.4), (20, 16, 16))
    canvas.lay(opening * rise((0.5 - np.hypot(u + 0.8, v + 1.2)) / 0.3), (250, 250, 250))
    wing = np.abs(u) < 6.4
    canvas.lay(wing * rise((0.85 - np.abs(v - upper)) / 0.5), (34, 24, 24))
    canvas.lay(0.5 * wing * rise((0.55 - np.abs(v - lower)) / 0.5), (60, 44, 42))
    arch = -10 + 0.028 * (u - 1.5) ** 2 - 0.06 * u
    thick = 1.5 - 0.1 * (u + 1)
    brow = rise((thick - np.abs(v - arch)) / 0.9) * rise((u + 7.5) / 1.6) * rise((8.5 - u) / 2)
    canvas.lay(0.9 * brow, style.brows)


def _mouth(canvas: Canvas, style: Style) -> None:
    u, v = canvas.x - 50, canvas.y - 75.5
    along = (1 - (u / 9.6) ** 2).clip(0, None)
    bow = 2.9 * along - 0.8 * np.exp(-((u / 1.6) ** 2))
    lips = rise((v + bow) / 0.5 + 0.5) * rise((3.9 * along - v) / 0.5 + 0.5) * (np.abs(u) < 9.6)
    canvas.lay(lips, style.lips)
    canvas.shade(1 - 0.5 * lips * np.exp(-((v / 0.45) ** 2)))
    canvas.shade(1 + 0.16 * lips * np.exp(-(((v - 2) / 0.9) ** 2) - (u / 4) ** 2))
    canvas.shade(1 - 0.12 * np.exp(-(((v - 6) / 1.2) ** 2) - (u / 5) ** 2))


def main() -> None:
    """Draw every style."""
    OUT.mkdir(exist_ok=True)
    for name, style in STYLES.items():
        draw(style).save(OUT / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
