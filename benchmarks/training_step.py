"""What adaptive hybrid masking adds to a step of training, and what its frequencies cost.

    python benchmarks/training_step.py

A step is masking, backbone, loss and backward pass, of the same backbone and batch, with AHM and
without; there is AHM's step at each upsampling r, whose backbone then sees a grid r times as wide.
The frequency transform, forward only, stands beside two others: block by block in a loop, and a
plain strided convolution of the same kernel and stride. What is compared is measured in turn in one
process; figures are medians, and of ratios those round by round.
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable, Sequence

import torch
from timing import seconds
from torch import Tensor
from torch.nn import functional as F

from faceveil.ops.dct import SIDE, block_dct
from faceveil.ops.srgb import mixed
from faceveil.training.frequency import YCBCR, Frequency, Spectrum
from faceveil.training.learner import Learner
from faceveil.training.recipe import Recipe

N_PEOPLE = 1000
"""Whom the head knows."""


def step(recipe: Recipe, pixels: Tensor, people: Tensor) -> Callable[[], object]:
    """A step of training, without the optimiser's part, which is the same for all."""
    learner = Learner(recipe, N_PEOPLE).train()
    masking = learner.network.masking
    masking.prepare([pixels.float() / 255])

    def run() -> None:
        learner.zero_grad()
        losses, term = learner(pixels, people, 1)
        torch.autograd.backward(losses.mean() + term)
        masking.learn(losses.detach(), lambda: 1.0)

    return run


def block_by_block(pixels: Tensor, upsampling: int) -> Tensor:
    """The 192 channels, one block at a time."""
    larger = F.interpolate(pixels, scale_factor=upsampling, mode="bilinear", align_corners=False)
    colours = mixed(255 * larger, pixels.new_tensor(YCBCR))
    n = colours.shape[-1] // SIDE
    seen = pixels.new_empty(len(pixels), 3, SIDE * SIDE, n, n)
    for row in range(n):
        for column in range(n):
            down, across = SIDE * row, SIDE * column
            block = colours[:, :, down : down + SIDE, across : across + SIDE]
            seen[..., row, column] = block_dct(block)[..., 0, 0]
    return seen.flatten(1, 2)


def strided(pixels: Tensor, upsampling: int) -> Callable[[], Tensor]:
    """A convolution of the transform's size with weights at random."""
    like = Frequency(Spectrum("all", upsampling)).kernel
    weight, stride = torch.rand_like(like), SIDE // upsampling
    padding = (weight.shape[-1] - stride) // 2
    return lambda: F.conv2d(pixels, weight, None, stride, padding)


def compare(names: Sequence[str], calls: Sequence[Callable[[], object]], rounds: int) -> None:
    """Print the median of each and its ratio to the first."""
    times = [[seconds(call) for call in calls] for _ in range(rounds + 1)][1:]
    for i, name in enumerate(names):
        ratios = [each[i] / each[0] for each in times]
        median = statistics.median(each[i] for each in times)
        print(
            f"  {name:<24} {1000 * median:9.1f} ms   x {statistics.median(ratios):6.3f} "
            f"(from {min(ratios):.3f} to {max(ratios):.3f})"
        )


def main() -> None:
    """Print both comparisons."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--backbone", default="mobilefacenet")
    parser.add_argument("--size-px", type=int, default=112)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--upsampling", type=int, nargs="+", default=[1, 8])
    args = parser.parse_args()
    size, batch = args.size_px, args.batch
    draw = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (batch, 3, size, size), generator=draw, dtype=torch.uint8)
    people = torch.randint(N_PEOPLE, (batch,), generator=draw)
    recipe = {"data": "none", "size_px": size, "backbone": args.backbone}
    plain = step(Recipe.build(recipe), pixels, people)
    names, calls = ["plain", "plain again"], [plain, plain]
    for r in args.upsampling:
        for channels in ("ppfr-fd", "no-dc"):
            spectrum = {"channels": channels, "upsampling": r}
            defence = {"name": "ahm", "spectrum": spectrum, "draws": "seeded"}
            names.append(f"ahm, r = {r}, {channels}")
            calls.append(step(Recipe.build(recipe | {"defence": defence}), pixels, people))
    print(f"a step: {args.backbone}, {batch} faces of {size} px, {torch.get_num_threads()} threads")
    compare(names, calls, args.rounds)
    images = pixels.float() / 255
    for r in args.upsampling:
        frequency = Frequency(Spectrum("all", r))
        torch.testing.assert_close(
            block_by_block(images[:1], r)[:, 1:64],
            frequency(images[:1])[:, 1:64],
            rtol=0,
            atol=0.02,
        )
        print(f"the transform, r = {r}")
        compare(
            ["transform", "block by block", "strided convolution"],
            [
                lambda f=frequency: f(images),  # type: ignore[misc]
                lambda r=r: block_by_block(images, r),  # type: ignore[misc]
                strided(images, r),
            ],
            args.rounds,
        )


if __name__ == "__main__":
    main()
