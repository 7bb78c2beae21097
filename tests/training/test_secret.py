"""Draws that repeat under one key, differ under any other, and have the right distributions."""

from __future__ import annotations

import secrets
from collections.abc import Callable

import pytest
import torch
from scipy import stats

from faceveil.training.secret import Source, normals, signs, stream, uniforms

KEY = bytes(range(32))


def test_a_stream_is_its_key_and_context() -> None:
    def start(source: Source) -> bytes:
        return source(16) + source(16)

    assert start(stream(KEY, "mix", 3)) == start(stream(KEY, "mix", 3))
    others = [
        stream(KEY, "mix", 4),
        stream(KEY, "mix", "3"),
        stream(KEY, "mi", "x", 3),
        stream(KEY[::-1], "mix", 3),
    ]
    seen = {start(source) for source in [stream(KEY, "mix", 3), *others]}
    assert len(seen) == 5


def test_it_never_repeats_itself() -> None:
    draw = stream(KEY)
    assert len({draw(8) for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("draw_numbers", "distribution"), [(uniforms, stats.uniform), (normals, stats.norm)]
)
def test_distributions(
    draw_numbers: Callable[..., torch.Tensor], distribution: stats.rv_continuous
) -> None:
    numbers = draw_numbers(stream(KEY, "test"), 20, 500)
    assert numbers.shape == (20, 500)
    assert stats.kstest(numbers.flatten().numpy(), distribution.cdf).pvalue > 0.01


def test_extreme_words_stay_inside() -> None:
    low, high = (float(uniforms(lambda n, b=b: b * n, 1)) for b in (b"\x00", b"\xff"))
    assert 0 < low < 1e-15
    assert 1 - 1e-15 < high < 1


def test_signs() -> None:
    drawn = signs(stream(KEY), 3, 1001)
    assert drawn.shape == (3, 1001)
    assert set(drawn.unique().tolist()) == {-1.0, 1.0}
    assert abs(float(drawn.mean())) < 0.06


def test_the_operating_system_is_a_source() -> None:
    assert not torch.equal(uniforms(secrets.token_bytes, 4), uniforms(secrets.token_bytes, 4))
