"""Small networks an attacker trains: decoders, generators, U-Nets, critics, encoders."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

FIRST_PX = 7
"""A decoder's first map, and the last of a critic or an encoder, is about so large."""

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


class Upwards(nn.Module):
    """From latents to maps of a side: DCGAN's generator, without its last activation (Radford et
    al., 2016), at first all but 0."""

    def __init__(self, latent: int, side_px: int, n_channels: int, width: int = 128):
        super().__init__()
        widths = [max(8, width >> step) for step in range(len(_halvings(side_px, width)))]
        self.side_px, self.first_px = side_px, -(-side_px // 2 ** len(widths))
        self.first = nn.Linear(latent, width * self.first_px**2)
        layers: list[nn.Module] = [nn.BatchNorm2d(width), nn.ReLU()]
        for n_in, n_out in itertools.pairwise(widths):
            layers += [nn.ConvTranspose2d(n_in, n_out, 4, 2, 1), nn.BatchNorm2d(n_out), nn.ReLU()]
        last = nn.ConvTranspose2d(widths[-1], n_channels, 4, 2, 1, bias=False)
        nn.init.normal_(last.weight, std=0.002)
        self.stages = nn.Sequential(*layers, last)

    def forward(self, latents: Float[Tensor, "b d"]) -> Float[Tensor, "b c s s"]:
        """Maps; what is more than the side is cut off at the right and below."""
        maps = self.stages(self.first(latents).unflatten(1, (-1, self.first_px, self.first_px)))
        return maps[..., : self.side_px, : self.side_px]


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


class Critic(nn.Module):
    """From pictures in [0, 1], maybe with more channels beside them, to unbounded scores.

    Every layer is divided by its largest singular value (Miyato et al., 2018), so that no score
    changes faster than its picture.

    Attributes:
        maps: pictures to what the scores are taken from.
    """

    def __init__(self, side_px: int, n_channels: int, n_scores: int, width: int = 32):
        super().__init__()
        layers: list[nn.Module] = []
        n_in = n_channels
        for n_out in _halvings(side_px, width):
            layers += [spectral_norm(nn.Conv2d(n_in, n_out, 4, 2, 1)), nn.LeakyReLU(0.2)]
            side_px, n_in = side_px // 2, n_out
        self.maps = nn.Sequential(*layers)
        self.last = spectral_norm(nn.Linear(n_in * side_px**2, n_scores))

    def features(self, pictures: Float[Tensor, "b c s s"]) -> Float[Tensor, "b f"]:
        """What the scores are linear in."""
        return self.maps(2 * pictures - 1).flatten(1)

    def forward(self, pictures: Float[Tensor, "b c s s"]) -> Float[Tensor, "b k"]:
        """Scores."""
        return self.last(self.features(pictures))


class PatchCritic(nn.Sequential):
    """From maps to a score for every patch, each layer normalised as in :class:`Critic`."""

    def __init__(self, n_channels: int, width: int = 32):
        super().__init__(
            spectral_norm(nn.Conv2d(n_channels, width, 4, 2, 1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(width, 2 * width, 4, 2, 1)),
            nn.LeakyReLU(0.2),
            spectral_norm(nn.Conv2d(2 * width, 1, 3, 1, 1)),
        )


class Encoder(nn.Sequential):
    """From faces in [0, 1] to embeddings of any length."""

    def __init__(self, side_px: int, embedding_size: int, width: int = 16):
        layers: list[nn.Module] = []
        n_in = 3
        for n_out in _halvings(side_px, width):
            layers += [_Twice(n_in, n_out), nn.AvgPool2d(2)]
            side_px, n_in = side_px // 2, n_out
        super().__init__(*layers, nn.Flatten(), nn.Linear(n_in * side_px**2, embedding_size))


def _halvings(side_px: int, width: int) -> list[int]:
    """The widths of maps that are halved until they are small, the first in any case."""
    n = max(1, round(torch.tensor(side_px / FIRST_PX).log2().item()))
    return [min(width << step, 4 * width) for step in range(n)]


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
