"""What others published of defences that mask frequencies: on other faces, by another attack.

From MinusFace (Mi et al., CVPR 2024, "Privacy-preserving face recognition using trainable feature
subtraction"): an IR-50 trained on MS1Mv2, and a U-Net that recovers faces from masked *queries*.
"""

from __future__ import annotations

from typing import NamedTuple


class Published(NamedTuple):
    """A row of that table: verification accuracy in per cent, then likeness of what was recovered.

    ``ssim`` and ``psnr`` are None where the paper gives none; lower is more private.
    """

    defence: str
    lfw: float
    cfp_fp: float
    agedb: float
    calfw: float
    cplfw: float
    ijb_c: float
    ssim: float | None
    psnr: float | None


PUBLISHED = (
    Published("none (ArcFace)", 99.77, 98.30, 97.88, 96.05, 92.77, 95.60, None, None),
    Published("PPFR-FD", 99.69, 94.85, 97.23, 95.60, 90.19, 94.07, 0.70, 15.21),
    Published("DCTDP", 99.77, 96.97, 97.72, 96.05, 91.37, 94.43, 0.66, 14.92),
    Published("PartialFace", 99.80, 97.63, 97.79, 96.07, 92.03, 94.93, 0.59, 13.23),
    Published("MinusFace", 99.78, 96.92, 97.57, 95.90, 91.90, 94.70, 0.50, 10.98),
    Published("InstaHide", 96.53, 83.20, 79.58, 86.24, 81.03, 69.02, None, None),
    Published("PEEP (differential privacy)", 98.41, 74.47, 87.47, 90.06, 79.58, 6.02, None, None),
)
