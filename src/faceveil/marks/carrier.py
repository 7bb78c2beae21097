"""What carries a mark: waves in the aligned frame of a face, a few dozen of them for every bit.

The waves are those of the discrete cosine transform of the frame. Waves so long that a face is made
of them, and so short that resizing would lose them, carry nothing. Each of the others belongs to
one bit, with one sign: which and which follows from SHA-256, so it is the same wherever marks are
read, and has nothing to do with faces. Shorter waves count more, as faces have less of them.

Besides the bits of a word there are *pilots*, which are 1 in every mark. They tell where a mark
lies when the landmarks of a face are found a little beside their place, and say nothing else.
"""

from __future__ import annotations

import hashlib
import math
from functools import cache
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from faceveil.faces.frame import FRAME, in_frame
from faceveil.faces.regions import region
from faceveil.marks.code import N_BITS

SIDE = 128
"""The side of the frame in which marks are laid and read, in px."""
LONGEST, SHORTEST = 9.0, 3.6
"""The waves that carry something, in units of the face's template, whose eyes are 35 apart."""
N_PILOTS = 25
N_SIGNS = N_BITS + N_PILOTS


class _Waves(NamedTuple):
    """Each wave's place in the spectrum, the bit it belongs to, and its sign times its weight."""

    places: Int[Tensor, " n"]
    bits: Int[Tensor, " n"]
    weights: Float[Tensor, " n"]


def carrier(signs: Float[Tensor, "b s"]) -> Float[Tensor, "b 1 side side"]:
    """The waves of words and pilots of -1 and 1, weighed by the face's oval; about 1 inside it."""
    waves, cosines = _waves(), _cosines().to(signs)
    spectrum = signs.new_zeros(len(signs), SIDE * SIDE)
    spectrum[:, waves.places] = signs[:, waves.bits] * waves.weights.sign().to(signs)
    plane = cosines.T @ spectrum.view(-1, SIDE, SIDE) @ cosines
    return (plane * (SIDE / math.sqrt(len(waves.places))) * _oval().to(signs))[:, None]


def read(evidence: Float[Tensor, "b 1 side side"]) -> Float[Tensor, "b s"]:
    """How much there is of the waves of each bit, then of each pilot; the sign is what it says."""
    waves, cosines = _waves(), _cosines().to(evidence)
    spectrum = cosines @ (evidence[:, 0] * _oval().to(evidence)) @ cosines.T
    parts = spectrum.flatten(1)[:, waves.places] * waves.weights.to(evidence)
    sums = evidence.new_zeros(len(evidence), N_SIGNS)
    return sums.index_add(1, waves.bits.to(evidence.device), parts)


@cache
def _waves() -> _Waves:
    per_unit = torch.arange(SIDE, dtype=torch.float64) / (2 * FRAME)
    pitch = (per_unit[:, None].square() + per_unit.square()).sqrt().flatten()
    places = torch.nonzero((pitch > 1 / LONGEST) & (pitch < 1 / SHORTEST))[:, 0]
    names = (f"faceveil mark {place}" for place in places.tolist())
    digests = [hashlib.sha256(name.encode()).digest() for name in names]
    shuffled = sorted(range(len(places)), key=digests.__getitem__)
    bits = torch.empty(len(places), dtype=torch.int64)
    bits[torch.tensor(shuffled)] = torch.arange(len(places)) % N_SIGNS
    signs = torch.tensor([1.0 if digest[-1] % 2 else -1.0 for digest in digests])
    return _Waves(places, bits, signs * (pitch[places] * SHORTEST).float())


@cache
def _cosines() -> Float[Tensor, "side side"]:
    """The orthonormal cosine transform of a row."""
    n = torch.arange(SIDE, dtype=torch.float64)
    cosines = torch.cos(math.pi / (2 * SIDE) * (2 * n + 1) * n[:, None]) * math.sqrt(2 / SIDE)
    cosines[0] = math.sqrt(1 / SIDE)
    return cosines.float()


@cache
def _oval() -> Float[Tensor, "side side"]:
    return region("oval", in_frame(torch.zeros(1), SIDE), SIDE)[0, 0]
