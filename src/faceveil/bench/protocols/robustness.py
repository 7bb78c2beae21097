"""Protection success after what becomes of files in the world, and after an attacker's cleaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from faceveil.bench.protocols.psr import Psr
from faceveil.core.ranges import Quality


@dataclass(frozen=True, kw_only=True)
class Robustness(Psr):
    """PSR at FAR after what the world, or an attacker, does to the file.

    Attributes: those of :class:`Psr`, of which it differs in its treatments alone.
    """

    name: ClassVar[str] = "robustness"
    summary: ClassVar[str] = "The same after JPEG, resizing, blur, screenshots and purification."

    levels: tuple[Quality, ...] = (50.0,)
    treatments: tuple[str, ...] = (
        "",
        "jpeg 90",
        "jpeg 75",
        "jpeg 50",
        "resize 0.5",
        "resize 0.5 + jpeg 75",
        "blur 1",
        "screenshot 0.8",
        "fit 1080 + jpeg 80",
        "fit 2048 + jpeg 85",
        "median 3",
        "bits 4",
    )
