"""How much a veil may change."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypedDict

from faceveil.core.config import Strict
from faceveil.core.errors import UsageError
from faceveil.core.ranges import Levels, Quality, Share

Region = Literal["oval", "head", "all"]
Strength = Literal["low", "medium", "high"]
DAMAGE: dict[Strength, float] = {"low": 20, "medium": 30, "high": 50}
"""The visible damage each strength takes, see :func:`damage_limits`."""


class DamageLimits(TypedDict):
    """Those of a :class:`Budget` on what may be seen."""

    ssimulacra2: float
    flip: float
    spot: float


def damage_limits(damage: float) -> DamageLimits:
    """The limits of a :class:`Budget` on what may be seen, as one number.

    A face that is damaged by D keeps a SSIMULACRA2 of 100 - D and differs by D / 1000 in FLIP, no
    spot of it by more than ten times that. The two measures have different blind spots, and both
    are means, which would rather have a nose redrawn than a face touched.

    Args:
        damage: D, in (0, 100].

    Raises:
        UsageError: it lies outside.
    """
    if not 0 < damage <= 100:
        raise UsageError(f"Visible damage must lie in (0, 100], not {damage:g}.")
    return {"ssimulacra2": 100 - damage, "flip": damage / 1000, "spot": damage / 100}


@dataclass(frozen=True)
class Budget(Strict):
    """Limits that hold on the written 8-bit pixels, at the photo's own resolution.

    Attributes:
        eps: the most any channel of any pixel may change, in 1/255.
        l2: the most the face's region may change in root mean square, in 1/255; None for no limit.
        ssim: the least structural similarity the face crop must keep (shrunk to 256 px if it is
            larger), in [0, 1]; None for no floor.
        ssimulacra2: the least SSIMULACRA2 the face crop must keep at 1:1 (enlarged to 225 px if it
            is smaller, shrunk to 256 px if it is larger): 90 is visually lossless, 70 high and 50
            medium quality; None for no floor.
        flip: the most the face crop may differ by FLIP at 1:1 (shrunk to 256 px if it is larger),
            in [0, 1]; None for no limit.
        spot: the most any spot of the face crop may differ by FLIP, see
            :meth:`faceveil.measures.flip.Flip.spots`, in [0, 1]; None for no limit.
        region: where the veil may lie: the face's ``oval``, the ``head`` with its hair, or ``all``
            of the patch the face is worked on in.
    """

    eps: Levels = 12.0
    l2: Levels | None = None
    ssim: Share | None = None
    ssimulacra2: Quality | None = None
    flip: Share | None = None
    spot: Share | None = None
    region: Region = "oval"
