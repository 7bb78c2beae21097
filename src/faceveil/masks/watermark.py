"""Watermark: a veil that says whose the photo is, to whoever can read it.

After DPG, the double privacy guard (Zhang et al., arXiv 2404.14693). There an encoder hides a
watermark so that recognisers are led away from the person, and a decoder reads it:

    minimise   L_adversarial(x')  +  L_bits(D(N(x')), w)      with N what happens to photos

Here (ours) the decoder is fixed (:mod:`faceveil.marks`), so that what it says of photos without a
mark is known by construction, and x' is found for each photo by the descent of the default method:
each step leads away from the person and towards the owner's bits, along the limits of what may be
seen. The photo is both veiled and traceable.

Whether the mark can be read from the written file is asked there (``faceveil.app.protect``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Generator, Tensor

from faceveil.core.ranges import Count, Multiple, NonNegative, Share
from faceveil.faces.regions import template_px
from faceveil.marks import code
from faceveil.marks.reader import said, signs_of, usual
from faceveil.masks.descent import Push
from faceveil.masks.limits import unit
from faceveil.masks.problem import Problem
from faceveil.masks.veil import Veil
from faceveil.ops import treat, warp

NOBODY = "0000000000000"
SMALLEST, WORST_JPEG, BEST_JPEG = 0.5, 60.0, 95.0
"""What may happen to a photo before its mark is read: its size, and the qualities of its JPEG."""
SURE, RECENT, MOST_UNSURE = 0.4, 0.5, 0.3
"""A bit is surely right from so much of the root mean square on; how much the last step counts in
the share of those that are not; and the most that share is taken for."""


@dataclass(frozen=True)
class Watermark(Veil):
    """A veil whose gradient is that of the veil and, as long as a face needs, that of bits.

    It is ``insistence`` times the share of the face's bits that were not surely right in the last
    steps: bits that are safe leave the veil its room.

    The bits' loss is the mean of log(1 + exp(-sharpness w b / |b|)) with w the owner's word in -1
    and 1, b what the decoder reads from the photo shrunk, JPEG-compressed and found a little beside
    its place, and |b| the root mean square of that. All else is as in ``veil``.

    Attributes:
        owner: the id of whom the mark names; ``--owner`` fills it in. That of zeros is nobody's.
        steps: half as many again as in ``veil``, for there are two things to be done.
        insistence: how much the bits would count beside the veil if none were surely right.
        sharpness: how much more the loss counts bits that are read wrong or hardly.
        slip: standard deviation of the landmarks, in px of the 112 px crop recognisers look at.
        paint_sigma, smoothest, colour: as in ``veil``, but marks lie in brightness, in waves finer
            than recognisers look at, blurred and turned or not.
        busy: as in ``veil``, but in units of the deviation that a quarter of the face stays below:
            every face has to take its mark, most of it where that face has most to hide it.
    """

    name: ClassVar[str] = "watermark"
    summary: ClassVar[str] = (
        "a mark that says whose photo it is, and much of a veil (after Zhang et al. 2024)"
    )

    owner: str = NOBODY
    steps: Count = 36
    insistence: NonNegative = 30.0
    sharpness: NonNegative = 4.0
    slip: NonNegative = 0.2
    paint_sigma: NonNegative = 0.5
    smoothest: Multiple = 1.0
    busy: NonNegative = 2.2
    colour: Share = 0.0

    def __post_init__(self) -> None:
        super().__post_init__()
        signs_of(self.owner)

    def half_through(
        self, problem: Problem, power: Float[Tensor, "b 1 w w"]
    ) -> Float[Tensor, "b 1 1 1"]:
        """The squared deviation of detail that lets half of the paint through, for each face."""
        calm = power.where(problem.region > 0.5, math.nan).flatten(1).nanquantile(0.25, dim=1)
        return self.busy**2 * calm.view(-1, 1, 1, 1)

    def push(self, problem: Problem) -> Push:
        """Away from the person and, where bits are unsure, towards the owner's."""
        away, signs = super().push(problem), signs_of(self.owner).to(problem.pixels)
        unsure: Tensor | None = None

        def both(mask: Float[Tensor, "b 3 w w"]) -> Float[Tensor, "b 3 w w"]:
            nonlocal unsure
            person, mask = away(mask), mask.detach().requires_grad_()
            right = signs * self._heard(problem, mask)
            (mark,) = torch.autograd.grad(F.softplus(-self.sharpness * right).mean(), mask)
            now = (right.detach()[:, : code.N_BITS] < SURE).float().mean(dim=1)
            unsure = now if unsure is None else unsure.lerp(now, RECENT)
            weight = self.insistence * unsure.clamp_max(MOST_UNSURE).view(-1, 1, 1, 1)
            return unit(person) + weight * unit(mark)

        return both

    def _heard(self, problem: Problem, mask: Float[Tensor, "b 3 w w"]) -> Float[Tensor, "b s"]:
        """What the faces say after some journey, in units of its root mean square."""
        veiled, landmarks = torch.split(problem.veiled(mask), 1), torch.split(problem.landmarks, 1)
        faces = zip(veiled, landmarks, problem.generators, strict=True)
        heard = torch.cat([said(*self._travelled(*face)) for face in faces])
        return heard / usual(heard.detach())[:, None]

    def _travelled(
        self, face: Float[Tensor, "1 3 w w"], landmarks: Float[Tensor, "1 5 2"], draws: Generator
    ) -> tuple[Float[Tensor, "1 3 s s"], Float[Tensor, "1 5 2"]]:
        """A face as it may come to be read, and the landmarks as they may be found there."""
        shrink, squeeze = torch.rand(2, generator=draws).tolist()
        side = face.shape[-1]
        shrunk = round(side * (1 - (1 - SMALLEST) * shrink))
        quality = BEST_JPEG - (BEST_JPEG - WORST_JPEG) * squeeze
        face = treat.jpeg(warp.resize(face, shrunk), [quality])
        landmarks = (landmarks + 0.5) * (shrunk / side) - 0.5
        slip = torch.randn(landmarks.shape, generator=draws).to(landmarks)
        return face, landmarks + self.slip * template_px(landmarks) * slip
