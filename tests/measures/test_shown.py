"""Faces are judged as a screen shows them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from PIL import Image

from faceveil.measures.shown import SHOWN_PX, shown


def test_what_fits_stays_as_it_is() -> None:
    pixels = torch.rand(2, 3, SHOWN_PX, 40)
    assert shown(pixels) is pixels


@pytest.mark.parametrize("shape", [(1000, 700), (700, 1000), (257, 1)])
def test_the_longest_side_is_shrunk_to_the_screen(shape: tuple[int, int]) -> None:
    small = shown(torch.rand(1, 1, *shape))
    assert max(small.shape[-2:]) == SHOWN_PX
    assert small.shape[-2] / small.shape[-1] == pytest.approx(shape[0] / shape[1], rel=0.5)


def test_it_shrinks_as_pillow_does() -> None:
    pixels = np.random.default_rng(0).random((512, 450), dtype=np.float32)
    ours = shown(torch.from_numpy(pixels)[None, None])[0, 0].numpy()
    theirs = Image.fromarray(pixels).resize((225, 256), Image.Resampling.BILINEAR)
    assert np.abs(ours - np.asarray(theirs)).max() < 1e-4


def test_a_pattern_finer_than_the_screen_is_not_seen() -> None:
    board = torch.ones(1, 1, 4 * SHOWN_PX, 4 * SHOWN_PX)
    board[..., ::2, 1::2] = board[..., 1::2, ::2] = 0
    assert (shown(board)[..., 1:-1, 1:-1] - 0.5).abs().max() < 0.01
