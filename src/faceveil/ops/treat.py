"""What happens to photos on their way: resizing, blur and JPEG, each differentiable."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn import functional as F

from faceveil.ops.band import band, filtered, gaussian


def rescale(pixels: Float[Tensor, "b c h w"], scales: Sequence[float]) -> Float[Tensor, "b c h w"]:
    """Each photo resized by its factor with an antialiased bilinear filter, and back."""
    pairs = zip(pixels.unbind(), scales, strict=True)
    return torch.stack([_rescale(photo[None], scale)[0] for photo, scale in pairs])


def blur(pixels: Float[Tensor, "b c h w"], sigmas_px: Sequence[float]) -> Float[Tensor, "b c h w"]:
    """Each photo convolved with a Gaussian cut off at three sigmas, edges mirrored."""
    pairs = zip(pixels.unbind(), sigmas_px, strict=True)
    return torch.stack([_blur(photo[None], sigma)[0] for photo, sigma in pairs])


def jpeg(pixels: Float[Tensor, "b 3 h w"], qualities: Sequence[float]) -> Float[Tensor, "b 3 h w"]:
    """Each photo through JPEG at its quality (1 to 100), 4:2:0, with a soft rounding.

    Source: Reich et al., "Differentiable JPEG: the devil is in the details", WACV 2024, as kornia
    implements it.
    """
    from kornia.enhance import jpeg_codec_differentiable

    quality = torch.tensor(qualities, device=pixels.device, dtype=pixels.dtype)
    height, width = pixels.shape[-2:]
    padded = F.pad(pixels, (0, -width % 16, 0, -height % 16), mode="replicate")
    result: Tensor = jpeg_codec_differentiable(padded, quality)
    return result[..., :height, :width]


def _rescale(photo: Tensor, scale: float) -> Tensor:
    height, width = photo.shape[-2:]
    small = (max(1, round(height * scale)), max(1, round(width * scale)))
    shrunk = F.interpolate(photo, small, mode="bilinear", antialias=True)
    return F.interpolate(shrunk, (height, width), mode="bilinear", antialias=True)


def _blur(photo: Tensor, sigma: float) -> Tensor:
    if sigma <= 0:
        return photo
    kernel = gaussian(sigma, math.ceil(3 * sigma)).to(photo)
    down, across = (band(kernel, side, "mirror") for side in photo.shape[-2:])
    return filtered(photo, down, across)
