"""How the world will treat a photo before a recogniser sees it, drawn at random each step."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

import torch
from jaxtyping import Float
from torch import Generator, Tensor

from faceveil.core.config import Strict
from faceveil.core.errors import UsageError
from faceveil.core.ranges import Count, NonNegative, Positive, Range, Share
from faceveil.ops import treat

Span = tuple[NonNegative, NonNegative]
Factors = tuple[Positive, Positive]
_Jpeg = Annotated[float, Range(1, 100)]
Qualities = tuple[_Jpeg, _Jpeg]


@dataclass(frozen=True)
class View:
    """One drawn treatment of a batch of faces.

    Attributes:
        jitter: affine map of each aligned crop in [-1, 1] coordinates; None for the identity.
        scales: each photo is resized by this factor and back; None for no resizing.
        sigmas_px: each photo is blurred by a Gaussian this wide; None for no blur.
        qualities: each photo is JPEG-compressed at this quality (1 to 100); None for no JPEG.
    """

    jitter: Float[Tensor, "b 2 3"] | None = None
    scales: Sequence[float] | None = None
    sigmas_px: Sequence[float] | None = None
    qualities: Sequence[float] | None = None

    def __call__(self, pixels: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b 3 h w"]:
        """The photos after resizing, blurring and compressing; ``jitter`` is the recogniser's."""
        if self.scales is not None:
            pixels = treat.rescale(pixels, self.scales)
        if self.sigmas_px is not None:
            pixels = treat.blur(pixels, self.sigmas_px)
        if self.qualities is not None:
            pixels = treat.jpeg(pixels, self.qualities)
        return pixels


@dataclass(frozen=True)
class Views(Strict):
    """The treatments a mask must survive; each range is drawn from uniformly, for every face.

    Attributes:
        per_step: how many views each step averages over.
        affine: range of s; the crop's 2x3 affine map is the identity plus N(0, s) (TIP-IM's code).
        rotation: range of s; then a rotation by N(0, s) radians (TIP-IM's code).
        shrink: range of the factor the crop is shrunk by, and padded at random places (DIM).
        flip: probability of a mirror image.
        resize: range of the factor the photo is resized by, and back.
        blur: range of the Gaussian's sigma, in px of the patch.
        jpeg: range of the JPEG quality, 1 to 100.
    """

    per_step: Count = 1
    affine: Span | None = None
    rotation: Span | None = None
    shrink: Factors | None = None
    flip: Share = 0.0
    resize: Factors | None = None
    blur: Span | None = None
    jpeg: Qualities | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("affine", "rotation", "shrink", "resize", "blur", "jpeg"):
            span: Span | None = getattr(self, name)
            if span is not None and not 0 <= span[0] <= span[1]:
                raise UsageError(f"views: {name} must be a range low <= high, not {span}.")

    def draw(self, generators: Sequence[Generator], device: torch.device) -> list[View]:
        """``per_step`` views of a batch with one generator a face, so faces never share draws."""
        return [self._draw(generators, device) for _ in range(self.per_step)]

    def _draw(self, generators: Sequence[Generator], device: torch.device) -> View:
        def spread(span: Span | None) -> list[float] | None:
            return None if span is None else [_uniform(span, g) for g in generators]

        jittered = any((self.affine, self.rotation, self.shrink, self.flip))
        jitter = torch.stack([self._jitter(g) for g in generators]) if jittered else None
        return View(
            jitter=None if jitter is None else jitter.to(device),
            scales=spread(self.resize),
            sigmas_px=spread(self.blur),
            qualities=spread(self.jpeg),
        )

    def _jitter(self, generator: Generator) -> Float[Tensor, "2 3"]:
        matrix = torch.eye(2, 3)
        if self.affine is not None:
            spread = _uniform(self.affine, generator)
            matrix = matrix + spread * torch.randn(2, 3, generator=generator)
        if self.rotation is not None:
            spread = _uniform(self.rotation, generator)
            angle = spread * float(torch.randn((), generator=generator))
            cos, sin = math.cos(angle), math.sin(angle)
            matrix = torch.tensor([[cos, -sin], [sin, cos]]) @ matrix
        if self.shrink is not None:
            factor = _uniform(self.shrink, generator)
            room = abs(1 - factor)
            shift = room * (2 * torch.rand(2, 1, generator=generator) - 1)
            matrix = factor * matrix + torch.cat([torch.zeros(2, 2), shift], dim=1)
        if self.flip and float(torch.rand((), generator=generator)) < self.flip:
            matrix = torch.diag(torch.tensor([-1.0, 1.0])) @ matrix
        return matrix


def _uniform(span: Span, generator: Generator) -> float:
    low, high = span
    return low + (high - low) * float(torch.rand((), generator=generator))
