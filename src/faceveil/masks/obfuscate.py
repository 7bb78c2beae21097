"""Obfuscation: the old ways of hiding a face in plain sight, for comparison and for certainty.

They look at no recogniser and work at the photo's own resolution, so that no detail survives
between the pixels of a coarser grid. Sizes are relative to the face.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from faceveil.core.budget import Budget
from faceveil.core.goal import GoalName
from faceveil.core.ranges import Positive, Share
from faceveil.masks.method import Method
from faceveil.masks.problem import Problem
from faceveil.ops import treat

Colour = tuple[Share, Share, Share]

_SWEEPS = 10
"""How often each scale of a membrane is averaged: within .014 of an even slope of height 1."""


@dataclass(frozen=True)
class Obfuscation(Method):
    """A method that says what each face should look like instead."""

    default_budget: ClassVar[Budget] = Budget(eps=255.0)
    optimises: ClassVar[bool] = False
    default_goal: ClassVar[GoalName] = "dodge"

    @abstractmethod
    def replaced(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """The patches as they should be seen inside the region, RGB in [0, 1]."""

    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """The difference to the patches."""
        masks = self.replaced(problem) - problem.pixels
        for _ in problem.steps(1):
            pass
        return masks


@dataclass(frozen=True)
class Blur(Obfuscation):
    """A Gaussian blur.

    Attributes:
        sigma: its width, in distances between the eyes.
    """

    name: ClassVar[str] = "blur"
    summary: ClassVar[str] = "Gaussian blur"

    sigma: Positive = 0.3

    def replaced(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """The patches blurred."""
        sigmas_px = [self.sigma * float(span) for span in _eye_distance(problem)]
        return treat.blur(problem.pixels, sigmas_px)


@dataclass(frozen=True)
class Pixelate(Obfuscation):
    """Blocks of one colour, their mean.

    Attributes:
        blocks: how many span the distance between the eyes.
    """

    name: ClassVar[str] = "pixelate"
    summary: ClassVar[str] = "mosaic of mean colours"

    blocks: Positive = 3.0

    def replaced(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """The patches as a mosaic."""
        pairs = zip(problem.pixels.unbind(), _eye_distance(problem), strict=True)
        return torch.stack(
            [_mosaic(photo, max(2, round(float(span) / self.blocks))) for photo, span in pairs]
        )


@dataclass(frozen=True)
class Darken(Obfuscation):
    """Everything darker.

    Attributes:
        factor: what brightness is multiplied by.
    """

    name: ClassVar[str] = "darken"
    summary: ClassVar[str] = "darkening"

    factor: Share = 0.1

    def replaced(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """The patches, darker."""
        return self.factor * problem.pixels


@dataclass(frozen=True)
class Solid(Obfuscation):
    """One colour.

    Attributes:
        colour: RGB in [0, 1].
    """

    name: ClassVar[str] = "solid"
    summary: ClassVar[str] = "one solid colour"

    colour: Colour = (0.0, 0.0, 0.0)

    def replaced(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """The colour everywhere."""
        return problem.pixels.new_tensor(self.colour).view(1, 3, 1, 1).expand_as(problem.pixels)


@dataclass(frozen=True)
class Sticker(Obfuscation):
    """A round sticker over the middle of the face.

    Attributes:
        radius: in distances between the eyes.
        colour: RGB in [0, 1].
    """

    name: ClassVar[str] = "sticker"
    summary: ClassVar[str] = "a round sticker over the face"

    radius: Positive = 1.0
    colour: Colour = (1.0, 0.85, 0.2)

    def replaced(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """The patches with the sticker on."""
        centres = problem.landmarks.mean(dim=1, keepdim=True)
        inside = _discs(problem, centres, self.radius)
        colour = problem.pixels.new_tensor(self.colour).view(1, 3, 1, 1)
        return torch.where(inside, colour, problem.pixels)


@dataclass(frozen=True)
class Occlude(Obfuscation):
    """Part of the face covered by discs.

    Attributes:
        part: what is covered.
        radius: of each disc, in distances between the eyes.
        colour: RGB in [0, 1].
    """

    name: ClassVar[str] = "occlude"
    summary: ClassVar[str] = "eyes, nose or mouth covered"

    part: Literal["eyes", "nose", "mouth"] = "eyes"
    radius: Positive = 0.45
    colour: Colour = (0.0, 0.0, 0.0)

    def replaced(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """The patches with the part covered."""
        points = {"eyes": slice(0, 2), "nose": slice(2, 3), "mouth": slice(3, 5)}[self.part]
        inside = _discs(problem, problem.landmarks[:, points], self.radius)
        colour = problem.pixels.new_tensor(self.colour).view(1, 3, 1, 1)
        return torch.where(inside, colour, problem.pixels)


@dataclass(frozen=True)
class Inpaint(Obfuscation):
    """The region filled in smoothly from its rim, like a membrane; no network makes up a new face.

    With ``budget.region`` ``head`` the hair goes too.
    """

    name: ClassVar[str] = "inpaint"
    summary: ClassVar[str] = "filled in smoothly from around the face"

    def replaced(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        """The patches without what the region shows."""
        return _membrane(problem.pixels, problem.region == 0)


def _eye_distance(problem: Problem) -> Float[Tensor, " b"]:
    return torch.linalg.vector_norm(problem.landmarks[:, 1] - problem.landmarks[:, 0], dim=-1)


def _discs(problem: Problem, centres: Float[Tensor, "b n 2"], radius: float) -> Tensor:
    """Whether each pixel lies within ``radius`` eye distances of any centre: ``b 1 w w``."""
    side = torch.arange(problem.pixels.shape[-1], device=centres.device, dtype=centres.dtype)
    grid = torch.stack(torch.meshgrid(side, side, indexing="xy"), dim=-1)
    distance = torch.linalg.vector_norm(grid - centres[:, :, None, None], dim=-1).amin(dim=1)
    return (distance <= radius * _eye_distance(problem).view(-1, 1, 1))[:, None]


def _mosaic(photo: Tensor, block_px: int) -> Tensor:
    """Each block of ``block_px`` replaced by its mean; the last ones may stick out and be cut."""
    height, width = photo.shape[-2:]
    padded = F.pad(photo, (0, -width % block_px, 0, -height % block_px), mode="replicate")
    means = F.avg_pool2d(padded, block_px)
    blocks = means.repeat_interleave(block_px, -1).repeat_interleave(block_px, -2)
    return blocks[..., :height, :width]


def _membrane(photos: Tensor, known: Tensor) -> Tensor:
    """``photos`` where ``known``, and between a solution of Laplace's equation, nearly.

    Solved from coarse to fine; each scale starts from the one below.
    """
    if photos.shape[-1] == 1:
        return photos
    share = F.avg_pool2d(known.to(photos), 2, ceil_mode=True)
    means = F.avg_pool2d(known * photos, 2, ceil_mode=True) / share.clamp_min(1e-6)
    coarse = _membrane(means, share > 0)
    filled = F.interpolate(coarse, scale_factor=2, mode="bilinear", align_corners=False)
    filled = filled[..., : photos.shape[-2], : photos.shape[-1]]
    for _ in range(_SWEEPS):
        filled = torch.where(known, photos, filled)
        filled = F.avg_pool2d(filled, 3, stride=1, padding=1, count_include_pad=False)
    return torch.where(known, photos, filled)
