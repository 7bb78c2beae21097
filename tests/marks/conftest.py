"""A face that wears a mark, laid without a descent: the plain waves, strong enough to be read."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from faceveil.faces.face import Face
from faceveil.faces.patch import extract, paste
from faceveil.faces.regions import region
from faceveil.marks.carrier import carrier
from faceveil.marks.reader import signs_of
from faceveil.masks.personal import placed

Pixels = NDArray[np.uint8]
Stamp = Callable[[str], Pixels]


@pytest.fixture(scope="session")
def stamp(portrait: Pixels, portrait_face: Face) -> Stamp:
    """The portrait with an owner's mark, plainly visible."""

    def stamped(owner: str, strength: float = 14.0) -> Pixels:
        patch = extract(portrait, portrait_face)
        waves = strength * carrier(signs_of(owner)[None]).expand(-1, 3, -1, -1)
        points = patch.native_landmarks[None]
        change = placed(waves, points, patch.side) * region("oval", points, patch.side)
        marked = torch.from_numpy(patch.native.copy()).permute(2, 0, 1) + change[0]
        pixels = marked.round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()
        return paste(portrait, [(patch, np.ascontiguousarray(pixels))])

    return stamped
