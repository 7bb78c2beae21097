"""The code marks are written in: BCH(127, 50), which repairs up to 13 wrong bits of 127.

A BCH code is what is binary of a Reed-Solomon code, so a decoder of the one repairs the other.
Sources: Bose and Ray-Chaudhuri 1960; Lin and Costello, "Error Control Coding", table of generators.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from math import comb
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from reedsolo import RSCodec

N_BITS, N_PAYLOAD = 127, 50
MOST_WRONG = 12
"""Wrong bits up to which a word counts as read; fewer than the code can repair, so that what wears
no mark is hardly ever read as one, see :func:`chance`."""

_GENERATOR = 0o54446512523314012421501421
_N_CHECKS = N_BITS - N_PAYLOAD
_CORRECTS = 13
_FIELD = 0x89  # x^7 + x^3 + 1


def encode(payload: int) -> tuple[int, ...]:
    """The 127 bits of ``payload``, a number of 50 bits: itself first, then what repairs it."""
    shifted = payload << _N_CHECKS
    rest = shifted
    for place in reversed(range(_N_CHECKS, N_BITS)):
        if rest >> place & 1:
            rest ^= _GENERATOR << (place - _N_CHECKS)
    word = shifted | rest
    return tuple(word >> place & 1 for place in reversed(range(N_BITS)))


def decode(bits: Sequence[int]) -> int | None:
    """The payload whose word lies within :data:`MOST_WRONG` of 127 bits, None if none does."""
    from reedsolo import ReedSolomonError

    try:
        _, repaired, _ = _codec().decode([int(bit) for bit in bits])
    except ReedSolomonError:
        return None
    payload = int("".join(str(symbol & 1) for symbol in repaired[:N_PAYLOAD]), 2)
    return payload if distance(encode(payload), bits) <= MOST_WRONG else None


def distance(word: Sequence[int], bits: Sequence[int]) -> int:
    """How many bits differ."""
    return sum(int(one) != int(other) for one, other in zip(word, bits, strict=True))


def chance(n_wrong: int, *, n_words: int = 2**N_PAYLOAD, n_said: int = 1) -> float:
    """At most how likely random bits are to lie within ``n_wrong`` of one of ``n_words`` words.

    Random bits lie within d of a word with probability sum_{i <= d} C(127, i) / 2^127; for several
    words, and for several times that a face was asked, these add up at most (union bound).
    """
    near = sum(comb(N_BITS, i) for i in range(n_wrong + 1))
    return min(1.0, n_said * n_words * near / 2**N_BITS)


@cache
def _codec() -> RSCodec:
    from reedsolo import RSCodec

    return RSCodec(2 * _CORRECTS, nsize=N_BITS, fcr=1, prim=_FIELD, c_exp=7)
