"""How strong a change may be before SSIM falls to a floor, found without trying each strength."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor

from faceveil.measures.comparable import comparable
from faceveil.measures.quality import K1, K2, SIGMA_PX, WINDOW_PX
from faceveil.ops.band import gaussian

SPARSE_PX = 80
"""Of the windows SSIM looks through every second is taken from twice this side on, and so on up to
every fourth; each way."""
HALVINGS = 12


def strength_at(
    pictures: Float[Tensor, "b c h w"], changes: Float[Tensor, "b c h w"], floor: float
) -> Float[Tensor, " b"]:
    """The largest strength s in [0, 1] at which ``pictures + s * changes`` keeps SSIM ``floor``.

    The moments of a changed picture are polynomials in s,

        m_y = m_x + s m_d,   v_y = v_x + 2 s c_xd + s^2 v_d,   c_xy = v_x + s c_xd,

    so the pictures are looked through once, whatever the number of strengths. It is an estimate
    (within .002 of SSIM on faces): some windows are left out, as is what 8 bits and the ends of the
    range do. So whoever needs the floor kept checks it.

    Args:
        pictures: values in [0, 1], at least 11 px on each side.
        changes: of the same shape, at full strength.
        floor: the least SSIM.
    """
    comparable("SSIM", pictures, changes, WINDOW_PX)
    squares = torch.stack((pictures.square(), pictures * changes, changes.square()))
    m_x, m_d, xx, xd, dd = _means(torch.cat((torch.stack((pictures, changes)), squares)))
    v_x, c_xd, v_d = xx - m_x.square(), xd - m_x * m_d, dd - m_d.square()

    def ssim(s: Tensor) -> Tensor:
        s = s.view(-1, 1, 1, 1)
        m_y = m_x + s * m_d
        v_y, c_xy = v_x + 2 * s * c_xd + s.square() * v_d, v_x + s * c_xd
        luminance = (2 * m_x * m_y + K1**2) / (m_x.square() + m_y.square() + K1**2)
        return (luminance * (2 * c_xy + K2**2) / (v_x + v_y + K2**2)).mean(dim=(1, 2, 3))

    high = torch.ones_like(pictures[:, 0, 0, 0])
    low = torch.where(ssim(high) >= floor, high, 0.0)
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        kept = ssim(middle) >= floor
        low, high = torch.where(kept, middle, low), torch.where(kept, high, middle)
    return low


def _means(maps: Float[Tensor, "n b c h w"]) -> Float[Tensor, "n b c y x"]:
    """Gaussian means of some of the windows that fit."""
    window = gaussian(SIGMA_PX, WINDOW_PX // 2).to(maps)
    n, b, c, h, w = maps.shape
    stride = min(max(1, min(h, w) // SPARSE_PX), 4)
    across = F.conv2d(maps.reshape(-1, 1, h, w), window.view(1, 1, 1, -1), stride=(1, stride))
    means = F.conv2d(across, window.view(1, 1, -1, 1), stride=(stride, 1))
    return means.view(n, b, c, *means.shape[-2:])
