"""Small networks an attacker trains: a decoder of embeddings, and a U-Net for masked faces."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

FIRST_PX = 7
"""A decoder's first map is about so large."""

GROUPS = 8
"""Of channels that are normalised together; not over the batch, so that a face is decoded alike in
any company."""


class Decoder(nn.Module):
    """From embeddings to faces in [0, 1]: a map that is doubled until it has the side asked for."""

    def __init__(self, embedding_size: int, side_px: int, n_colours: int, width: int = 128):
        super().__init__()
        doublings = max(1, round(torch.tensor(side_px / FIRST_PX).log2().item()))
        self.side_px, self.first_px = side_px, -(-side_px // 2**doublings)
        widths = [max(2 * GROUPS, width >> step) for step in range(doublings + 1)]
        self.first = nn.Linear(embedding_size, widths[0] * self.first_px**2)
        self.stages = nn.Sequential(
            *(
                nn.Sequential(
                    nn.Upsample(scale_factor=2, mode="bilinear", align_corners=False),
                    _Twice(n_in, n_out),
                )
                for n_in, n_out in itertools.pairwise(widths)
            )
        )
        self.last = nn.Conv2d(widths[-1], n_colours, 3, padding=1)

    def forward(self, embeddings: Float[Tensor, "b d"]) -> Float[Tensor, "b c s s"]:
        """Faces; what is more than the side is cut off at the right and below."""
        maps = self.first(embeddings).unflatten(1, (-1, self.first_px, self.first_px))
        images = self.last(self.stages(maps)).sigmoid()
        return images[..., : self.side_px, : self.side_px]


class UNet(nn.Module):
    """From what a backbone is shown to faces in [0, 1] (Ronneberger et al., 2015).

    A cell of a coarse grid, such as a block's frequencies, is first unfolded into the pixels it
    stands for (Shi et al., 2016).
    """

    def __init__(
        self, n_channels: int, grid_px: int, side_px: int, n_colours: int, width: int = 32
    ):
        super().__init__()
        self.side_px = side_px
        factor = -(-side_px // grid_px)
        self.unfold = nn.Sequential(
            nn.Conv2d(n_channels, width * factor**2, 3, padding=1), nn.PixelShuffle(factor)
        )
        widths = (width, 2 * width, 4 * width)
        self.down = nn.ModuleList(
            _Twice(n, m) for n, m in zip((width, *widths), widths, strict=False)
        )
        self.up = nn.ModuleList(_Twice(m + n, n) for n, m in itertools.pairwise(widths))
        self.last = nn.Conv2d(width, n_colours, 3, padding=1)

    def forward(self, inputs: Float[Tensor, "b c p q"]) -> Float[Tensor, "b _ s s"]:
        """Faces."""
        maps = self.unfold(inputs)[..., : self.side_px, : self.side_px]
        passed = []
        for stage in self.down:
            maps = stage(maps)
            passed.append(maps)
            maps = F.avg_pool2d(maps, 2, ceil_mode=True)
        maps = passed.pop()
        for stage in reversed(self.up):
            beside = passed.pop()
            maps = F.interpolate(maps, beside.shape[-2:], mode="bilinear", align_corners=False)
            maps = stage(torch.cat((maps, beside), 1))
        return self.last(maps).sigmoid()


class _Twice(nn.Sequential):
    """Two convolutions, each normalised."""

    def __init__(self, n_in: int, n_out: int):
        layers: list[nn.Module] = []
        for n in (n_in, n_out):
            layers += [
                nn.Conv2d(n, n_out, 3, padding=1),
                nn.GroupNorm(GROUPS, n_out),
                nn.LeakyReLU(0.1),
            ]
        super().__init__(*layers)
