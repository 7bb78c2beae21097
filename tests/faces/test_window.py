from __future__ import annotations

import numpy as np
from PIL import Image

from faceveil.faces.window import Window


def ramp(width: int, height: int) -> Image.Image:
    """A photo whose red is its column and whose green is its row."""
    rows, columns = np.mgrid[:height, :width]
    return Image.fromarray(np.stack((columns, rows, rows * 0), -1).astype(np.uint8))


def test_a_window_inside_shows_the_pixels_themselves() -> None:
    photo = ramp(50, 40)
    shown = Window(7, 5, 1.0, 20, 10).pixels(photo)
    np.testing.assert_array_equal(shown, np.asarray(photo)[5:15, 7:27])


def test_beyond_the_photo_the_edge_is_repeated() -> None:
    photo = np.asarray(ramp(8, 6))
    shown = Window(-3, -2, 1.0, 16, 16).pixels(Image.fromarray(photo))
    np.testing.assert_array_equal(shown, np.pad(photo, ((2, 8), (3, 5), (0, 0)), mode="edge"))


def test_points_go_back_to_where_they_were_seen() -> None:
    photo = ramp(200, 160)
    for view in (Window(31.3, 17.9, 0.37, 40, 40), Window(60.2, 50.7, 3.1, 96, 96)):
        column, row = 22, 13
        red, green, _ = view.pixels(photo)[row, column]
        x, y = view.to_photo(np.array((column, row), np.float32))
        assert abs(x - red) < 1
        assert abs(y - green) < 1
