"""The ends of the ranges that settings state: what else is allowed lies between them."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Annotated

from faceveil.core.ranges import ranges


def ends(kinds: Mapping[str, type]) -> list[tuple[str, str, float]]:
    """Each number of each kind with each end that belongs to its range: (kind, field, end)."""
    return [
        (name, field, end)
        for name, kind in kinds.items()
        for field, hint in typing.get_type_hints(kind, include_extras=True).items()
        if typing.get_origin(hint) is Annotated
        for span in ranges(hint)
        for end in (span.low, span.high)
        if end in span
    ]
