"""What a veil does to the eye: the measures the bench states for every veiled picture."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceveil.faces.face import Face
from faceveil.faces.patch import extract
from faceveil.measures.ciede2000 import ciede2000
from faceveil.measures.flip import flip
from faceveil.measures.mmd import mmd_alone
from faceveil.measures.quality import psnr, ssim
from faceveil.measures.shown import shown
from faceveil.measures.ssimulacra2 import enlarged, ssimulacra2

Pixels = NDArray[np.uint8]

MEASURES = {
    "ssimulacra2": "SSIMULACRA2 on the face",
    "flip": "FLIP on the face",
    "ciede2000": "CIEDE2000 on the face, mean",
    "ciede2000_p95": "CIEDE2000 on the face, 95th percentile",
    "ssim": "SSIM on the face",
    "psnr": "PSNR on the face, dB",
    "mmd": "MMD of the face alone (TIP-IM)",
    "linf": "largest change, of 255",
    "photo_ssim": "SSIM of the photo",
    "photo_psnr": "PSNR of the photo, dB",
}
"""Every measure with its name in tables. The face crop is judged at 1:1, because a photo that is
mostly untouched hides a face that has visibly changed; by SSIMULACRA2 and FLIP as it is shown."""

MAX_DB = 100.0
"""What stands for the infinite PSNR of an unchanged picture, which JSON cannot hold and no mean
bears: a face of 256 px with one value changed by one has 101."""


@torch.inference_mode()
def damage(before: Pixels, after: Pixels, face: Face) -> dict[str, float]:
    """Each of :data:`MEASURES` of two photos of one size, uint8 ``h w 3``."""
    patch = extract(before, face)
    rows, columns = patch.face_crop
    rows = slice(rows.start + patch.top, rows.stop + patch.top)
    columns = slice(columns.start + patch.left, columns.stop + patch.left)
    whole, veiled = _tensor(before), _tensor(after)
    crop, veiled_crop = whole[..., rows, columns], veiled[..., rows, columns]
    seen, veiled_seen = shown(crop), shown(veiled_crop)
    colour = ciede2000(crop, veiled_crop)
    figures = {
        "ssimulacra2": ssimulacra2(enlarged(seen), enlarged(veiled_seen)),
        "flip": flip(seen, veiled_seen),
        "ciede2000": colour.mean(),
        "ciede2000_p95": np.quantile(colour.numpy(), 0.95),  # torch takes 16 million at most
        "ssim": ssim(crop, veiled_crop),
        "psnr": psnr(crop, veiled_crop).clamp_max(MAX_DB),
        "mmd": mmd_alone(veiled_crop - crop),
        "linf": np.abs(before.astype(np.int16) - after).max(),
        "photo_ssim": ssim(whole, veiled),
        "photo_psnr": psnr(whole, veiled).clamp_max(MAX_DB),
    }
    return {name: round(float(value), 5) for name, value in figures.items()}


def _tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels.copy()).permute(2, 0, 1)[None].float() / 255
