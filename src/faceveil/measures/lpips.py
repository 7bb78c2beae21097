"""LPIPS, a learned perceptual distance, from the optional package lpips.

Source: Zhang, Isola, Efros, Shechtman and Wang, "The unreasonable effectiveness of deep features as
a perceptual metric", CVPR 2018; https://github.com/richzhang/PerceptualSimilarity (BSD 2-clause).
"""

from __future__ import annotations

import warnings

from jaxtyping import Float
from torch import Tensor, nn

from faceveil.core.errors import ModelError
from faceveil.measures.comparable import comparable

LEAST_PX = 31
"""Smaller pictures leave nothing for AlexNet's second pooling."""


class Lpips:
    """LPIPS version 0.1 with AlexNet: 0 where equal, larger where the two look less alike.

    The package needs torchvision, which downloads AlexNet when it does not have it yet.

    Raises:
        ModelError: lpips is not installed, or it cannot be loaded.
    """

    def __init__(self) -> None:
        try:
            import lpips
        except (
            ImportError,
            RuntimeError,
        ) as error:  # torchvision built for another torch: RuntimeError
            raise ModelError(
                f"LPIPS needs the package lpips, which cannot be imported ({error}). Install it "
                'with: pip install "faceveil[lpips]"'
            ) from None
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it calls torchvision by names since renamed
                network = lpips.LPIPS(net="alex", version="0.1", verbose=False)
        except (OSError, RuntimeError) as error:  # no network, no room, another file's hash
            raise ModelError(f"LPIPS: lpips cannot load AlexNet. {error}") from None
        self._network: nn.Module = network.eval().requires_grad_(requires_grad=False)

    def __call__(
        self, images: Float[Tensor, "b 3 h w"], others: Float[Tensor, "b 3 h w"]
    ) -> Float[Tensor, " b"]:
        """The distance of each pair.

        Args:
            images: sRGB in [0, 1], at least 31 px on each side.
            others: what they are compared with.

        Raises:
            UsageError: the shapes differ or a side is shorter than 31 px.
        """
        comparable("LPIPS", images, others, LEAST_PX)
        distances: Tensor = self._network.to(images)(images, others, normalize=True)
        return distances.flatten()
