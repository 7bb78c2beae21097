"""A problem small enough to look into."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from faceveil.core import seeds
from faceveil.core.budget import Budget
from faceveil.core.goal import Dodge, Impersonate
from faceveil.faces.face import Face
from faceveil.faces.patch import Patch, extract
from faceveil.faces.regions import region
from faceveil.masks.problem import Problem
from faceveil.masks.views import Views
from faceveil.recognisers.ensemble import Ensemble


@pytest.fixture
def patch(portrait: NDArray[np.uint8], portrait_face: Face) -> Patch:
    """The example portrait's, at half its size."""
    half = np.array(Image.fromarray(portrait).reduce(2))
    left, top, right, bottom = (edge / 2 for edge in portrait_face.box)
    landmarks = (portrait_face.landmarks + 0.5) / 2 - 0.5
    return extract(half, Face((left, top, right, bottom), landmarks, 1.0))


@pytest.fixture
def people(tiny_ensemble: Ensemble) -> dict[str, torch.Tensor]:
    """Four people to be taken for."""
    draws = torch.Generator().manual_seed(3)
    return {
        member.name: torch.nn.functional.normalize(
            torch.randn(4, member.card.embedding_size, generator=draws), dim=1
        )
        for member in tiny_ensemble.members
    }


@pytest.fixture
def problem(patch: Patch, people: dict[str, torch.Tensor], tiny_ensemble: Ensemble) -> Problem:
    """The portrait against two tiny recognisers, to dodge and to impersonate."""
    pixels, landmarks = patch.pixels[None], patch.landmarks[None]
    return Problem(
        pixels=pixels,
        landmarks=landmarks,
        region=region("oval", landmarks, pixels.shape[-1]),
        grey=torch.tensor([False]),
        surrogates=tiny_ensemble,
        source=tiny_ensemble(pixels, landmarks),
        goal=Dodge() & Impersonate(people),
        views=Views(),
        generators=[seeds.generator(5)],
        progress=lambda share: None,
        budget=Budget(eps=15.0),
        faces=list(pixels),
        face_crops=[(slice(0, pixels.shape[-1]),) * 2],
    )
