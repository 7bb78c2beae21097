"""The block transform against scipy's, and what makes it orthonormal."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.fft import dctn

from faceveil.ops.dct import block_dct, block_idct

sizes = st.integers(1, 4).map(lambda n: 8 * n)


def noise(*shape: int, seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=draw, dtype=torch.float64)


def test_every_block_is_scipys() -> None:
    pixels = noise(2, 3, 16, 24)
    coefficients = block_dct(pixels)
    for row in range(2):
        for column in range(3):
            block = pixels[..., 8 * row : 8 * row + 8, 8 * column : 8 * column + 8]
            expected = dctn(block.numpy(), axes=(2, 3), norm="ortho").reshape(2, 3, 64)
            seen = coefficients[..., row, column].numpy()
            np.testing.assert_allclose(seen, expected, atol=1e-12)


@given(height=sizes, width=sizes, seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_it_is_orthonormal(height: int, width: int, seed: int) -> None:
    pixels, others = noise(2, 1, 2, height, width, seed=seed)
    seen, seen_others = block_dct(pixels), block_dct(others)
    torch.testing.assert_close((seen * seen_others).sum(), (pixels * others).sum())
    torch.testing.assert_close(block_idct(seen), pixels)


@given(scale=st.floats(-3, 3), seed=st.integers(0, 99))
@settings(max_examples=20, deadline=None)
def test_it_is_linear(scale: float, seed: int) -> None:
    pixels, others = noise(2, 1, 2, 8, 16, seed=seed)
    together = block_dct(pixels + scale * others)
    torch.testing.assert_close(together, block_dct(pixels) + scale * block_dct(others))


def test_an_even_block_is_its_mean_alone() -> None:
    coefficients = block_dct(torch.full((1, 1, 8, 8), 3.0))
    torch.testing.assert_close(coefficients.flatten()[0], torch.tensor(24.0))
    assert coefficients.flatten()[1:].abs().max() < 1e-5


def test_waves_down_are_counted_first() -> None:
    waves = torch.cos(torch.pi / 16 * (2 * torch.arange(8.0) + 1) * 3)
    down = waves[:, None].expand(8, 8)[None, None]
    assert int(block_dct(down).flatten().abs().argmax()) == 8 * 3
    assert int(block_dct(down.mT).flatten().abs().argmax()) == 3


def test_gradients() -> None:
    pixels = noise(1, 2, 8, 16).requires_grad_()
    assert torch.autograd.gradcheck(block_dct, (pixels,))
    coefficients = noise(1, 2, 64, 1, 2).requires_grad_()
    assert torch.autograd.gradcheck(block_idct, (coefficients,))
