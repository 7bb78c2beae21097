"""The code: what it repairs, and how seldom chance looks like a word."""

from __future__ import annotations

import random
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceveil.marks import code

PAYLOADS = st.integers(0, 2**code.N_PAYLOAD - 1)


def spoilt(word: tuple[int, ...], places: set[int]) -> list[int]:
    return [bit ^ (place in places) for place, bit in enumerate(word)]


@settings(max_examples=40, deadline=None)
@given(PAYLOADS, st.sets(st.integers(0, code.N_BITS - 1), max_size=code.MOST_WRONG))
def test_a_word_with_some_bits_wrong_is_read(payload: int, places: set[int]) -> None:
    word = code.encode(payload)
    assert code.decode(spoilt(word, places)) == payload
    assert code.distance(word, spoilt(word, places)) == len(places)


@settings(max_examples=20, deadline=None)
@given(PAYLOADS, PAYLOADS)
def test_words_add_up_to_words_and_lie_far_apart(one: int, other: int) -> None:
    first, second = code.encode(one), code.encode(other)
    both = tuple(a ^ b for a, b in zip(first, second, strict=True))
    assert code.encode(one ^ other) == both
    assert one == other or code.distance(first, second) >= 27


@pytest.mark.parametrize("n_wrong", [13, 14, 20])
def test_a_word_with_more_bits_wrong_is_not_taken_for_read(n_wrong: int) -> None:
    draw = random.Random(n_wrong)
    word = code.encode(draw.getrandbits(code.N_PAYLOAD))
    for _ in range(10):
        assert code.decode(spoilt(word, set(draw.sample(range(code.N_BITS), n_wrong)))) is None


def test_random_bits_are_no_word() -> None:
    draw = random.Random(0)
    for _ in range(100):
        assert code.decode([draw.getrandbits(1) for _ in range(code.N_BITS)]) is None


def test_the_chance_is_that_of_random_bits() -> None:
    # All words of three bits around one of them: one within 0, four within 1.
    words = list(product((0, 1), repeat=3))
    near = sum(code.distance((0, 1, 0), word) <= 1 for word in words)
    assert near == 4
    assert code.chance(0, n_words=1) == 2.0**-code.N_BITS
    assert code.chance(1, n_words=1) == (1 + code.N_BITS) * 2.0**-code.N_BITS
    assert code.chance(code.N_BITS, n_words=1) == 1.0
    assert code.chance(code.MOST_WRONG, n_said=4) < 1e-6
    assert code.chance(3, n_said=4) == pytest.approx(4 * code.chance(3))
    assert code.chance(code.N_BITS) == 1.0
