"""A contact sheet shows each picture where its row and person say."""

from __future__ import annotations

import numpy as np
import torch

from faceveil.inversion.sheet import ACROSS, GAP_PX, MARGIN_PX, sheet


def test_rows_stand_below_each_other_and_people_go_on_in_bands() -> None:
    n = ACROSS + 2
    levels = torch.linspace(0, 0.9, n).view(n, 1, 1, 1)
    rows = {"private photo": levels.expand(n, 3, 56, 56), "a": 1 - levels.expand(n, 3, 56, 56)}
    page = sheet(rows)
    assert page.shape == (2 * 2 * 112 + GAP_PX, MARGIN_PX + ACROSS * 112, 3)
    for person in (0, 3, ACROSS + 1):
        band, column = divmod(person, ACROSS)
        x, y = MARGIN_PX + column * 112 + 56, band * (2 * 112 + GAP_PX) + 56
        level = round(255 * levels[person].item())
        assert abs(int(page[y, x, 0]) - level) <= 1
        assert abs(int(page[y + 112, x, 0]) - (255 - level)) <= 1
    assert (page[:, :MARGIN_PX] < 128).any()  # the names
    assert np.array_equal(page, sheet(rows))
