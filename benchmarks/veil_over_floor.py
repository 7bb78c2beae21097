"""How long the default veil takes a face, and how far that is from its floor.

    python benchmarks/veil_over_floor.py [PHOTO ...]

The floor is one forward and one backward pass through each bare surrogate a step, on crops that lie
ready; nothing that asks these surrogates as often can be quicker. Both are measured in turn in one
process, face by face; the figure is the median of their ratios. All three bundled recognisers are
surrogates.
"""

from __future__ import annotations

import argparse
import statistics
from functools import partial
from pathlib import Path

import torch
from timing import seconds

from faceveil.app.engine import Engine
from faceveil.app.settings import Run
from faceveil.faces.patch import Patch, extract
from faceveil.io.photo import read
from faceveil.masks.veil import Veil
from faceveil.recognisers import zoo

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait.png"


def veil(engine: Engine, patch: Patch, method: Veil) -> None:
    """The whole method on one face, its budget enforced."""
    proposal = method(
        [patch],
        engine.surrogates,
        engine.goal,
        budget=method.default_budget,
        views=method.default_views,
        face_seeds=[1],
    )
    proposal.within(method.default_budget)


def floor(engine: Engine, patch: Patch, method: Veil) -> None:
    """The same number of passes through the bare networks."""
    pixels, landmarks = patch.pixels[None], patch.landmarks[None]
    crops = [member.align(pixels, landmarks).clone() for member in engine.surrogates.members]
    for _ in range(method.steps):
        for member, crop in zip(engine.surrogates.members, crops, strict=True):
            x = crop.clone().requires_grad_()
            torch.autograd.grad(member.embed(x).sum(), x)


def main() -> None:
    """Print the medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("photos", nargs="*", type=Path, default=[PORTRAIT])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--surrogates", nargs="+", default=list(zoo.RECOGNISERS))
    args = parser.parse_args()
    run = Run(goal="dodge", surrogates=tuple(args.surrogates), held_out=())
    engine = Engine.load(run, device="cpu")
    method = Veil()
    patches = [
        extract(photo.pixels, face)
        for photo in map(read, args.photos)
        for face in engine.detector(photo.pixels)
    ]
    veil(engine, patches[0], Veil(steps=1))
    times = [
        (
            seconds(partial(veil, engine, patch, method)),
            seconds(partial(floor, engine, patch, method)),
        )
        for _ in range(args.rounds)
        for patch in patches
    ]
    ratios = [whole / bare for whole, bare in times]
    print(f"{len(patches)} faces, {method.steps} steps, surrogates {', '.join(args.surrogates)}")
    print(f"veil  {statistics.median(whole for whole, _ in times):.2f} s a face")
    print(f"floor {statistics.median(bare for _, bare in times):.2f} s")
    print(f"ratio {statistics.median(ratios):.3f} (from {min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
