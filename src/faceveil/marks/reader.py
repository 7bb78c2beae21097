"""Reading marks: from a face in a photo to its owner, and how surely it is not mere chance.

What is read is how the brightness of the aligned face deviates from its surroundings, in units of
how much it does so around there: busy places say little. The landmarks of a written photo are found
anew, a little beside the old ones; the pilots of the mark say how far.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.errors import UsageError
from faceveil.core.seeds import generator
from faceveil.faces.frame import FRAME, aligned
from faceveil.faces.patch import Patch
from faceveil.faces.regions import template_px
from faceveil.marks import code
from faceveil.marks.carrier import N_PILOTS, SIDE, read
from faceveil.ops import warp
from faceveil.ops.srgb import luma
from faceveil.ops.treat import blur

RARE = 1e-6
"""A mark is only said to be there where chance shows it in fewer faces than this."""

_SURROUNDINGS = 4.75
"""The sigma of the Gaussian that says what surroundings are, in units of the face's template."""
_CALM = 8 / 255
"""How much the brightness is taken to deviate everywhere at least; the less, the more smooth skin,
where marks are seen, says of them."""
_FINER = 1.1
"""How much finer than the frame a large face is kept: it is looked at from a little nearer too."""
_LOOKS, _SPREAD = 64, 0.8
"""From how many places the mark is looked for at first, and how far these scatter, in units of the
face's template at its landmarks: across, down, larger and turned."""
_CLIMBERS, _STEPS, _STRIDE = 4, 15, 0.12
"""How many of the best places are followed uphill, and in how many steps of how many units."""


@dataclass(frozen=True)
class Mark:
    """What a face says of its owner.

    Attributes:
        owner: the id of whose mark it is.
        n_wrong: how many of the 127 bits had to be repaired.
        chance: at most how likely a face without a mark is to say as much.
    """

    owner: str
    n_wrong: int
    chance: float


def owner_id(payload: int) -> str:
    """A payload as people read it: 13 hexadecimal digits."""
    return f"{payload:013x}"


def payload_of(owner: str) -> int:
    """The payload of an owner's id.

    Raises:
        UsageError: it is none.
    """
    try:
        payload = int(owner, 16)
    except ValueError:
        payload = -1
    if len(owner) != 13 or not 0 <= payload < 2**code.N_PAYLOAD:
        raise UsageError(
            f"{owner!r} is no owner's id: it has 13 hexadecimal digits, the first 0 to 3."
        )
    return payload


def signs_of(owner: str) -> Float[Tensor, " s"]:
    """The bits of an owner's mark and its pilots, as -1 and 1.

    Raises:
        UsageError: it is no owner's id.
    """
    word = torch.tensor(code.encode(payload_of(owner)), dtype=torch.float32)
    return torch.cat([2 * word - 1, torch.ones(N_PILOTS)])


def said(
    pixels: Float[Tensor, "b 3 h w"], landmarks: Float[Tensor, "b 5 2"]
) -> Float[Tensor, "b s"]:
    """For each bit of the faces' words, and then each pilot, how surely it is 1; differentiable.

    Args:
        pixels: patches in [0, 1].
        landmarks: in patch pixels.
    """
    faces = zip(torch.split(pixels, 1), torch.split(landmarks, 1), strict=True)
    return torch.cat([read(aligned(*_evidence(*face), SIDE)) for face in faces])


def look(patch: Patch, owners: Sequence[str] = ()) -> Mark | None:
    """The mark a face wears, None if it wears none that can be read.

    Args:
        patch: the face.
        owners: ids whose marks are looked for. Fewer bits need to be right than where anybody's
            may be there; only if none of theirs is, is anybody's read.

    Raises:
        UsageError: an id is none.
    """
    return mark_in(words(patch), owners)


def mark_in(found: Sequence[Sequence[int]], owners: Sequence[str] = ()) -> Mark | None:
    """The mark in what a face says, as :func:`words` gives it; see :func:`look`."""
    payloads = [payload_of(owner) for owner in owners]
    if payloads:
        n_wrong, known = min(
            (code.distance(code.encode(one), bits), one) for one in payloads for bits in found
        )
        chance = code.chance(n_wrong, n_words=len(payloads), n_said=len(found))
        if chance < RARE:
            return Mark(owner_id(known), n_wrong, chance)
    read = [
        (code.distance(code.encode(payload), bits), payload)
        for bits in found
        if (payload := code.decode(bits)) is not None
    ]
    if not read:
        return None
    n_wrong, payload = min(read)
    return Mark(owner_id(payload), n_wrong, code.chance(n_wrong, n_said=len(found)))


def words(patch: Patch) -> list[list[int]]:
    """What a face says, marked or not: 127 bits from each place it was looked at from."""
    return [[int(sign > 0) for sign in row[: code.N_BITS]] for row in _settled(patch).tolist()]


def _settled(patch: Patch) -> Float[Tensor, "n s"]:
    """What a face says where it says it most clearly, from each of a few places on.

    Where that is, is up to the pilots, whose waves are no bit's, and to how alike in size bits are,
    whatever they say. So the choice makes no bit more likely to be right by chance. The clearest of
    these places is not always where the mark is, so all of them are asked, and count when chance is
    reckoned.
    """
    evidence, (start,) = _evidence(patch.pixels[None], patch.landmarks[None])
    centre, unit = start.mean(dim=0), template_px(start[None])[0]
    reach = (start - centre).norm(dim=1).mean()

    def heard(moves: Float[Tensor, "n 4"]) -> Float[Tensor, "n s"]:
        """What is said with the landmarks moved across and down, scaled and turned."""
        shift = unit * moves[:, None, :2]
        larger, turned = (unit * moves[:, 2:] / reach).unbind(1)
        rows = torch.stack([1 + larger, -turned], 1), torch.stack([turned, 1 + larger], 1)
        places = (start - centre) @ torch.stack(rows, 1).mT + centre + shift
        return read(aligned(evidence.expand(len(moves), -1, -1, -1), places, SIDE))

    moves = _SPREAD * torch.randn(_LOOKS, 4, generator=generator(0))
    moves[0] = 0
    with torch.no_grad():
        best = _pilots(heard(moves)).topk(_CLIMBERS).indices
    moves = moves[best].requires_grad_()
    adam = torch.optim.Adam([moves], lr=_STRIDE)
    clearest, found = torch.full((_CLIMBERS,), -math.inf), heard(moves.detach())
    for _ in range(_STEPS):
        now = heard(moves)
        clear = _pilots(now) + _evenness(now)
        better = clear.detach() > clearest
        found = torch.where(better[:, None], now.detach(), found)
        clearest = clearest.maximum(clear.detach())
        (gradient,) = torch.autograd.grad(clear.sum(), moves)
        moves.grad = -gradient
        adam.step()
    return found


def _pilots(signs: Float[Tensor, "n s"]) -> Float[Tensor, " n"]:
    """How much of the pilots there is, of all that is said: a busy place is loud by chance."""
    return signs[:, code.N_BITS :].mean(dim=1) / usual(signs)


def _evenness(signs: Float[Tensor, "n s"]) -> Float[Tensor, " n"]:
    """How alike in size all bits are: 1 if each is as sure as any other, .8 for normal noise."""
    bits = signs[:, : code.N_BITS]
    return bits.abs().mean(dim=1) / usual(bits)


def usual(signs: Float[Tensor, "n s"]) -> Float[Tensor, " n"]:
    """How sure a bit usually is: the root mean square of what each face says."""
    return signs.square().mean(dim=1).sqrt().clamp_min(1e-6)


def _evidence(
    pixels: Float[Tensor, "1 3 h w"], landmarks: Float[Tensor, "1 5 2"]
) -> tuple[Float[Tensor, "1 1 s s"], Float[Tensor, "1 5 2"]]:
    """What a patch says at each pixel, hardly finer than the frame; and the landmarks there."""
    wanted = _FINER * SIDE / FRAME / float(template_px(landmarks))
    if wanted < 1:
        size_px = round(wanted * pixels.shape[-1])
        landmarks = (landmarks + 0.5) * (size_px / pixels.shape[-1]) - 0.5
        pixels = warp.resize(pixels, size_px)
    sigma_px = [_SURROUNDINGS * float(template_px(landmarks))]
    bright = luma(pixels)
    deviation = bright - blur(bright, sigma_px)
    usual = (blur(deviation.square(), sigma_px) + _CALM**2).sqrt()
    return deviation / usual, landmarks
