"""A face as the frequencies of its 8 x 8 blocks, for a recogniser to be trained on.

    x in [0, 1] -> 255 x -> upsampled r times, bilinear -> YCbCr (full range, JFIF) -> - 128
      -> DCT of 8 x 8 blocks -> one channel for each (colour, u, v), on a grid of one cell a block
      -> the channels kept -> standardised

Source: the public code of PartialFace (Mi et al., ICCV 2023) and DCTDP (Ji et al., ECCV 2022), with
r = 8. Ours: pixels keep their centres when upsampled (there, the corners stay), so that every block
is seen through the same weights; channels are standardised by stored statistics.

All of it is affine, and a block sees its own pixels alone or, if r > 1, their neighbours too. So it
is *one convolution*, of 8/r (+ 2) pixels and stride 8/r; before the channels are standardised, its
weights are what :func:`coefficients`, the definition, answers to single pixels.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn import functional as F

from faceveil.core.config import Strict
from faceveil.core.errors import UsageError
from faceveil.ops.dct import SIDE, block_dct, block_idct
from faceveil.ops.srgb import LUMA, mixed

YCBCR = (
    LUMA,
    (-0.299 / 1.772, -0.587 / 1.772, 0.5),
    (0.5, -0.587 / 1.402, -0.114 / 1.402),
)
"""RGB to Y, Cb - 128 and Cr - 128, all in 0..255 (JFIF 1.02, ITU-T T.871)."""

ROUNDING = 1e-5
"""A channel whose deviation is a smaller part of its range holds rounding alone, as the colours of
grey photos do; it is not made larger."""

Channels = Literal["all", "no-dc", "ppfr-fd", "partialface"]


def _zigzag(frequency: int) -> tuple[int, int]:
    """The diagonal, and the place on it: JPEG walks odd ones down and even ones up."""
    down, across = divmod(frequency, 8)
    diagonal = down + across
    return diagonal, down if diagonal % 2 else across


_ZIGZAG = sorted(range(64), key=_zigzag)
_FINE = [frequency for frequency in range(64) if sum(divmod(frequency, 8)) > 3]

FREQUENCIES: dict[Channels, tuple[list[int], list[int], list[int]]] = {
    "all": (list(range(64)),) * 3,
    "no-dc": (list(range(1, 64)),) * 3,
    "ppfr-fd": (_ZIGZAG[1:21], _ZIGZAG[1:9], _ZIGZAG[1:9]),
    "partialface": (_FINE,) * 3,
}
"""The frequencies 8u + v kept of Y, Cb and Cr.

``no-dc`` leaves the means of blocks out: 189 channels. ``ppfr-fd`` keeps 36: Wang et al. (AAAI
2022) learned which, and we know of no list, so ours are the first after DC in JPEG's zigzag, luma
to chroma as 14:5:5 (Xu et al., "Learning in the frequency domain", CVPR 2020). ``partialface``
prunes what eyes see most, u + v <= 3, and leaves 54 of each colour.
"""


@dataclass(frozen=True)
class Spectrum(Strict):
    """Which frequencies of a face a recogniser sees.

    Attributes:
        channels: which are kept, see :data:`FREQUENCIES`.
        upsampling: r. The papers' 8 makes sixty-four times as many numbers as 1, and no new ones:
            a block then has 64 frequencies of each colour from the 3 x 3 px it sees.
    """

    channels: Channels = "no-dc"
    upsampling: Literal[1, 2, 4, 8] = 1

    @property
    def kept(self) -> list[int]:
        """Where the kept channels are among the 192 of :func:`coefficients`."""
        return [64 * i + f for i, colour in enumerate(FREQUENCIES[self.channels]) for f in colour]

    def cells(self, side_px: int) -> int:
        """Blocks along the side of a photo.

        Raises:
            UsageError: it cannot be cut into whole ones.
        """
        block_px = SIDE // self.upsampling
        if side_px % block_px:
            raise UsageError(
                f"Faces of {side_px} px cannot be cut into blocks of {block_px} px: choose a side "
                f"that {block_px} divides, or more upsampling."
            )
        return side_px // block_px


class Frequency(nn.Module):
    """Photos to standardised channels; as they are, until :meth:`fit` has seen some photos."""

    mean: Tensor
    std: Tensor
    kernel: Tensor
    offset: Tensor

    def __init__(self, spectrum: Spectrum) -> None:
        super().__init__()
        self.spectrum = spectrum
        self.n_channels = len(spectrum.kept)
        self.register_buffer("mean", torch.zeros(self.n_channels))
        self.register_buffer("std", torch.ones(self.n_channels))
        kernel, offset = _convolution(spectrum.upsampling)
        self.register_buffer("kernel", kernel[spectrum.kept].float(), persistent=False)
        self.register_buffer("offset", offset[spectrum.kept].float(), persistent=False)

    def forward(self, pixels: Float[Tensor, "b 3 h w"]) -> Float[Tensor, "b c p q"]:
        """Channels of mean 0 and deviation 1; h and w must be those of whole blocks.

        In less than single precision, TF32 included, fine frequencies drown in rounding.
        """
        stride = SIDE // self.spectrum.upsampling
        weight = self.kernel / self.std[:, None, None, None]
        bias = (self.offset - self.mean) / self.std
        reach = (self.kernel.shape[-1] - stride) // 2
        padded = F.pad(pixels, (reach, reach, reach, reach), mode="replicate")
        return F.conv2d(padded, weight, bias, stride)

    def inverse(self, channels: Float[Tensor, "b c p q"]) -> Float[Tensor, "b 3 h w"]:
        """The photos these channels come from, in [0, 1] or a little beyond.

        Exact where all channels are kept; with fewer, what is missing counts as 0, which shows what
        a person would see in those that are left.
        """
        seen = channels * self.std[:, None, None] + self.mean[:, None, None]
        whole = seen.new_zeros(len(seen), 192, *seen.shape[2:])
        whole[:, self.spectrum.kept] = seen
        ycbcr = block_idct(whole.view(-1, 3, 64, *seen.shape[2:])) + _shift(whole)
        rgb = mixed(ycbcr, torch.linalg.inv(ycbcr.new_tensor(YCBCR))) / 255
        return _downsampled(rgb, self.spectrum.upsampling)

    @torch.no_grad()
    def fit(self, batches: Iterable[Float[Tensor, "_ 3 h w"]]) -> None:
        """Set mean and deviation of every channel to those over all photos, one batch at a time.

        Batches are merged as Chan, Golub, LeVeque (1979) do, in double precision, on the CPU: not
        every device has that.

        Raises:
            UsageError: there are no photos.
        """
        self.mean.zero_()
        self.std.fill_(1)
        n, mean, squares = 0, self.mean.cpu().double(), self.mean.cpu().double()
        for pixels in batches:
            seen = self(pixels).cpu().double().transpose(0, 1).flatten(1)
            n_seen, seen_mean = seen.shape[1], seen.mean(1)
            n, share = n + n_seen, n_seen / (n + n_seen)
            shift = seen_mean - mean
            squares = squares + (seen - seen_mean[:, None]).square().sum(1)
            squares = squares + shift.square() * share * (n - n_seen)
            mean = mean + shift * share
        if not n:
            raise UsageError("There are no photos to take the statistics of the channels from.")
        std = (squares / n).sqrt()
        rounding = ROUNDING * self.kernel.cpu().abs().sum((1, 2, 3)) + 1e-6
        self.mean.copy_(mean)
        self.std.copy_(torch.where(std > rounding, std, 1))


def coefficients(pixels: Float[Tensor, "b 3 h w"], upsampling: int) -> Float[Tensor, "b 192 p q"]:
    """All channels of photos in [0, 1] before they are standardised: Y's 64, then Cb's and Cr's."""
    return block_dct(_ycbcr(pixels, upsampling)).flatten(1, 2)


def draw_subsets(
    n: int, size: int, generator: torch.Generator
) -> Int[Tensor, "{n}//{size} {size}"]:
    """``n`` frequencies dealt out at random into subsets that share none (PartialFace: 54 by 9)."""
    return torch.randperm(n, generator=generator)[: n // size * size].view(-1, size)


def subset(
    channels: Float[Tensor, "b c p q"], frequencies: Int[Tensor, "b s"]
) -> Float[Tensor, "b 3*s p q"]:
    """Of each photo the given frequencies, in the given order, of all three colours.

    Args:
        channels: of a spectrum that keeps the same frequencies of each colour.
        frequencies: for each photo, indices among those kept.
    """
    colours = channels.view(len(channels), 3, -1, *channels.shape[2:])
    index = frequencies[:, None, :, None, None].expand(-1, 3, -1, *channels.shape[2:])
    return colours.gather(2, index).flatten(1, 2)


def _ycbcr(pixels: Tensor, upsampling: int) -> Tensor:
    """Upsampled, in YCbCr, less 128."""
    larger = F.interpolate(pixels, scale_factor=upsampling, mode="bilinear", align_corners=False)
    return mixed(255 * larger, pixels.new_tensor(YCBCR)) - _shift(pixels)


def _shift(like: Tensor) -> Float[Tensor, "3 1 1"]:
    """What is added to Y - 128, Cb - 128 and Cr - 128 before the inverse of :data:`YCBCR`."""
    return like.new_tensor((128, 0, 0)).view(3, 1, 1)


def _convolution(upsampling: int) -> tuple[Tensor, Tensor]:
    """The weights and the bias that answer as :func:`coefficients` does, in double precision."""
    margin = min(upsampling - 1, 1)
    side = SIDE // upsampling + 2 * margin
    pixels = torch.eye(3 * side * side, dtype=torch.float64).view(-1, 3, side, side)
    block = slice(margin * upsampling, margin * upsampling + SIDE)
    seen = _ycbcr(torch.cat((torch.zeros_like(pixels[:1]), pixels)), upsampling)
    nothing, *answers = block_dct(seen[..., block, block]).flatten(1)
    return (torch.stack(answers, 1) - nothing[:, None]).view(-1, 3, side, side), nothing


def _downsampled(pixels: Tensor, upsampling: int) -> Tensor:
    """The photos whose upsampled selves come nearest to ``pixels``."""

    def undo(n: int) -> Tensor:
        rows = torch.eye(n // upsampling, dtype=torch.float64)[None]
        larger = F.interpolate(rows, scale_factor=upsampling, mode="linear", align_corners=False)
        return torch.linalg.pinv(larger[0].mT).to(pixels)

    return undo(pixels.shape[-2]) @ pixels @ undo(pixels.shape[-1]).mT
