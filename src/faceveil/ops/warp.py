"""Similarity transforms of points and images, and flows, differentiable.

A transform is the 2x3 matrix [A | t] of p' = A p + t. Points are (x, y) in pixels and the centre of
the top-left pixel is (0, 0).
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor


def similarity(
    source: Float[Tensor, "b n 2"], target: Float[Tensor, "b n 2"] | Float[Tensor, "n 2"]
) -> Float[Tensor, "b 2 3"]:
    """The rotation, uniform scale and translation that best carry ``source`` onto ``target``.

    With points as complex numbers z and w, and z', w' the same less their means, least squares
    over w = a z + b gives a = sum(conj(z') w') / sum(|z'|^2) and b = mean(w) - a mean(z), which is
    the solution of Umeyama (1991) without reflection. Where all points of ``source`` coincide no
    rotation or scale can be told, and the answer is the translation between the means.
    """
    z, w = _precise(source), _precise(target)
    z_mean, w_mean = z.mean(-2, keepdim=True), w.mean(-2, keepdim=True)
    zx, zy = (z - z_mean).unbind(-1)
    wx, wy = (w - w_mean).unbind(-1)

    energy = (zx * zx + zy * zy).sum(-1)
    coincide = energy < 1e-12
    safe = torch.where(coincide, torch.ones_like(energy), energy)
    real = torch.where(coincide, safe, (zx * wx + zy * wy).sum(-1) / safe)
    imaginary = (zx * wy - zy * wx).sum(-1) / safe

    rows = (torch.stack((real, -imaginary), -1), torch.stack((imaginary, real), -1))
    linear = torch.stack(rows, -2)
    offset = w_mean.transpose(-1, -2) - linear @ z_mean.transpose(-1, -2)
    return torch.cat((linear, offset), -1).to(source.dtype)


def sample(
    images: Float[Tensor, "b c h w"], matrix: Float[Tensor, "b 2 3"], size_px: int
) -> Float[Tensor, "b c {size_px} {size_px}"]:
    """Warp ``images`` by ``matrix``, which maps their pixels to those of a square of ``size_px``.

    Output pixel p is the bilinear value of the image at matrix^-1(p), and zero where that lies
    outside. ``grid_sample`` counts a side of N pixels from -1 to 1 between its outer *edges*, so
    that pixel p stands at n = (2 p + 1) / N - 1; the inverse matrix is written in those units.
    """
    height, width = images.shape[-2:]
    back = invert(_precise(matrix))
    linear, offset = back[..., :2], back[..., 2]
    sides = offset.new_tensor((width, height))
    centre = (size_px - 1) / 2
    theta = torch.cat(
        (
            linear * (size_px / sides)[:, None],
            (2 * (linear.sum(-1) * centre + offset) / sides + 1 / sides - 1)[..., None],
        ),
        -1,
    )
    # Half precision cannot tell the pixels of a large image apart.
    working = torch.promote_types(images.dtype, torch.float32)
    shape = [images.shape[0], images.shape[1], size_px, size_px]
    grid = F.affine_grid(theta.to(working), shape, align_corners=False)
    warped = F.grid_sample(images.to(working), grid, mode="bilinear", align_corners=False)
    return warped.to(images.dtype)


def shifted(
    images: Float[Tensor, "b c h w"], flow: Float[Tensor, "b 2 h w"]
) -> Float[Tensor, "b c h w"]:
    """Each pixel p of ``images`` as it is at p + ``flow``, in (x, y) pixels; edges mirrored.

    In between, values are those of cubic convolution (Keys 1981, a = -3/4), which keeps edges
    sharp and may leave the range a little.
    """
    height, width = images.shape[-2:]
    x = torch.arange(width, dtype=flow.dtype, device=flow.device)
    y = torch.arange(height, dtype=flow.dtype, device=flow.device)
    grid = torch.stack(
        ((2 * (flow[:, 0] + x) + 1) / width - 1, (2 * (flow[:, 1] + y[:, None]) + 1) / height - 1),
        dim=-1,
    )
    return F.grid_sample(
        images, grid, mode="bicubic", padding_mode="reflection", align_corners=False
    )


def invert(matrix: Float[Tensor, "*b 2 3"]) -> Float[Tensor, "*b 2 3"]:
    """The transform that undoes ``matrix``: [A^-1 | -A^-1 t]; not finite where A is singular."""
    (a, b, c), (d, e, f) = (row.unbind(-1) for row in matrix.unbind(-2))
    upper = torch.stack((e, -b, b * f - c * e), -1)
    lower = torch.stack((-d, a, c * d - a * f), -1)
    return torch.stack((upper, lower), -2) / (a * e - b * d)[..., None, None]


def compose(
    outer: Float[Tensor, "*b 2 3"], inner: Float[Tensor, "*b 2 3"]
) -> Float[Tensor, "*b 2 3"]:
    """The transform that applies ``inner`` first and ``outer`` then."""
    product = outer[..., :2] @ inner
    return torch.cat((product[..., :2], product[..., 2:] + outer[..., 2:]), -1)


def resize(
    images: Float[Tensor, "b c h w"], size_px: int
) -> Float[Tensor, "b c {size_px} {size_px}"]:
    """Scale ``images`` to a square of ``size_px``, bilinear, low-passed where they shrink."""
    size = (size_px, size_px)
    return F.interpolate(images, size, mode="bilinear", antialias=True, align_corners=False)


def _precise(tensor: Tensor) -> Tensor:
    """``tensor`` in double precision where its device has it (Apple's does not)."""
    return tensor.to(torch.float32 if tensor.device.type == "mps" else torch.float64)
