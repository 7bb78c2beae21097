"""What every protection method is: a frozen dataclass and one method to override."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, final

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from faceveil.core import seeds
from faceveil.core.budget import Budget, damage_limits
from faceveil.core.config import Strict
from faceveil.core.goal import Goal, GoalName
from faceveil.faces.patch import Patch
from faceveil.faces.regions import region
from faceveil.masks.enforce import enforce
from faceveil.masks.problem import Problem, Progress
from faceveil.masks.views import Views
from faceveil.measures.shown import shown
from faceveil.recognisers.ensemble import Ensemble

FACES_AT_ONCE = 4
"""Faces worked on together; more cost memory and are hardly faster."""


@dataclass(frozen=True, eq=False)
class Proposal:
    """What a method would draw on faces of one photo.

    Attributes:
        patches: the faces.
        masks: for each, in [0, 1] units, before the region's weights.
    """

    patches: Sequence[Patch]
    masks: Sequence[Float[Tensor, "3 _ _"]]

    def within(self, budget: Budget) -> list[NDArray[np.uint8]]:
        """For each patch, in order, its native pixels ``side side 3``, veiled within ``budget``."""
        pairs = zip(self.patches, self.masks, strict=True)
        return [enforce(patch, mask, budget) for patch, mask in pairs]


@dataclass(frozen=True)
class Method(Strict, ABC):
    """A way to make masks. The fields of a subclass are its whole configuration.

    A subclass overrides :meth:`masks`. What comes back from calling the method is policed: whatever
    :meth:`masks` returns, a budget holds on the 8-bit pixels a :class:`Proposal` hands out.
    """

    name: ClassVar[str]
    """What it is called on the command line and in receipts."""
    summary: ClassVar[str]
    """One line for the command line's help."""
    default_budget: ClassVar[Budget] = Budget()
    default_views: ClassVar[Views] = Views()
    default_goal: ClassVar[GoalName] = "both"
    optimises: ClassVar[bool] = True
    """Whether it looks at surrogates; if not, it works at the photo's own resolution."""
    heeds_damage: ClassVar[bool] = False
    """Whether its masks depend on the budget's limits on SSIMULACRA2 and FLIP; if not, one mask is
    as good for all of them, and only held to another limit."""

    @classmethod
    def at_damage(cls, damage: float) -> dict[str, Any]:
        """The settings that let so much of a veil be seen, by ``table.field``.

        Args:
            damage: see :func:`~faceveil.core.budget.damage_limits`.

        Raises:
            UsageError: it lies outside (0, 100].
        """
        return {f"budget.{name}": limit for name, limit in damage_limits(damage).items()}

    @abstractmethod
    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """A mask for each face of ``problem``, in [0, 1] units, before the region's weights."""

    @final
    def __call__(
        self,
        patches: Sequence[Patch],
        surrogates: Ensemble,
        goal: Goal,
        *,
        budget: Budget,
        views: Views,
        face_seeds: Sequence[int],
        progress: Progress = lambda share: None,
    ) -> Proposal:
        """Masks for faces, which become pixels within a budget.

        Args:
            patches: faces of one photo.
            surrogates: the recognisers the mask is made against.
            goal: what success means.
            budget: what may change, for methods that go by it; nothing is held to it yet.
            views: what the mask must survive.
            face_seeds: one for each patch; equal seeds and faces give equal masks.
            progress: called with the share of all work done since its last call.
        """
        if not self.optimises:
            patches = [patch.at_native() for patch in patches]
        proposed: dict[int, Tensor] = {}
        for group in _groups(patches):
            chosen = [patches[index] for index in group]
            problem = _pose(
                chosen,
                surrogates,
                goal,
                budget=budget,
                views=views,
                face_seeds=[face_seeds[index] for index in group],
                progress=partial(_report, progress, len(group) / len(patches)),
                asked=self.optimises,
            )
            proposed.update(zip(group, self.masks(problem).detach().unbind(), strict=True))
        return Proposal(patches, [proposed[index] for index in range(len(patches))])


def _report(progress: Progress, weight: float, share: float) -> None:
    progress(weight * share)


def _groups(patches: Sequence[Patch]) -> list[list[int]]:
    """Indices of patches that share a working size, at most :data:`FACES_AT_ONCE` together."""
    by_size: dict[int, list[int]] = defaultdict(list)
    for index, patch in enumerate(patches):
        by_size[patch.working_px].append(index)
    return [
        indices[start : start + FACES_AT_ONCE]
        for indices in by_size.values()
        for start in range(0, len(indices), FACES_AT_ONCE)
    ]


def _pose(
    patches: Sequence[Patch],
    surrogates: Ensemble,
    goal: Goal,
    *,
    budget: Budget,
    views: Views,
    face_seeds: Sequence[int],
    progress: Progress,
    asked: bool,
) -> Problem:
    """The problem; its ``source`` is empty where the surrogates are not ``asked``."""
    device = surrogates.device
    pixels = torch.stack([patch.pixels for patch in patches]).to(device)
    landmarks = torch.stack([patch.landmarks for patch in patches]).to(device)
    with torch.inference_mode():
        source = surrogates(pixels, landmarks) if asked else {}
    return Problem(
        pixels=pixels,
        landmarks=landmarks,
        region=region(budget.region, landmarks, pixels.shape[-1]),
        grey=torch.tensor([patch.grey for patch in patches], device=device),
        surrogates=surrogates,
        source={name: embedding.clone() for name, embedding in source.items()},
        goal=goal,
        views=views,
        generators=[seeds.generator(seed) for seed in face_seeds],
        progress=progress,
        budget=budget,
        faces=[_shown(patch).to(device) for patch in patches],
        face_crops=[patch.working_crop for patch in patches],
    )


def _shown(patch: Patch) -> Float[Tensor, "3 _ _"]:
    """The face crop as large as it is shown, in [0, 1]."""
    rows, columns = patch.face_crop
    crop = torch.from_numpy(patch.native[rows, columns]).permute(2, 0, 1)[None]
    return shown(crop / 255)[0]
