"""What every measure asks of the two pictures it compares."""

from __future__ import annotations

from torch import Tensor

from faceveil.core.errors import UsageError


def comparable(measure: str, images: Tensor, others: Tensor, least_px: int = 1) -> None:
    """Refuses pictures of two shapes and pictures too small for the measure.

    Args:
        measure: its name, for the message.
        images: pictures, ``b c h w``.
        others: what they are compared with.
        least_px: the shortest side it can work on.

    Raises:
        UsageError: the shapes differ or a side is shorter than ``least_px``.
    """
    if images.shape != others.shape:
        raise UsageError(
            f"Pictures of one shape are compared, not {tuple(images.shape)} and "
            f"{tuple(others.shape)}."
        )
    height, width = images.shape[-2:]
    if min(height, width) < least_px:
        raise UsageError(
            f"{measure} needs pictures of at least {least_px} px a side, these are "
            f"{width} x {height}."
        )
