"""How far TIP-IM's loop is from its floor: the surrogates' own forward and backward passes.

    python benchmarks/loop_over_floor.py

Both are measured in turn in one process, on the same face and the same batches; the figure is the
ratio of the medians. A step of the loop makes one forward pass, one backward pass for each of ten
targets and, looking ahead, one forward pass for each candidate; the floor makes just these passes
through the bare networks on crops that lie ready.
"""

from __future__ import annotations

import argparse
import statistics
from pathlib import Path

import torch
from timing import seconds

from faceveil.app.engine import Engine
from faceveil.app.settings import Run
from faceveil.faces.patch import Patch, extract
from faceveil.io.photo import read
from faceveil.masks.tip_im import TipIm

PORTRAIT = Path(__file__).parent.parent / "examples" / "portrait.png"


def loop(engine: Engine, patch: Patch, method: TipIm) -> None:
    """The whole method on one face."""
    proposal = method(
        [patch],
        engine.surrogates,
        engine.goal,
        budget=method.default_budget,
        views=method.default_views,
        face_seeds=[1],
    )
    proposal.within(method.default_budget)


def floor(engine: Engine, patch: Patch, method: TipIm) -> None:
    """The same passes through the bare networks."""
    targets = engine.goal.targets
    assert targets is not None
    n_targets = len(next(iter(targets.values())))
    pixels, landmarks = patch.pixels[None], patch.landmarks[None]
    crops = [member.align(pixels, landmarks).clone() for member in engine.surrogates.members]
    for step in range(method.steps):
        looks_ahead = step % method.look_ahead == 0
        for member, crop in zip(engine.surrogates.members, crops, strict=True):
            x = crop.clone().requires_grad_()
            embedding = member.embed(x)
            for _ in range(n_targets if looks_ahead else 1):
                torch.autograd.grad(embedding.sum(), x, retain_graph=True)
            if looks_ahead:
                with torch.inference_mode():
                    for _ in range(n_targets):
                        member.embed(crop)


def main() -> None:
    """Print both medians and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--look-ahead", type=int, default=TipIm().look_ahead)
    parser.add_argument("--surrogates", nargs="+", default=list(Run().surrogates))
    args = parser.parse_args()
    engine = Engine.load(Run(surrogates=tuple(args.surrogates), held_out=()), device="cpu")
    photo = read(PORTRAIT)
    patch = extract(photo.pixels, engine.detector(photo.pixels)[0])
    method = TipIm(steps=args.steps, look_ahead=args.look_ahead)
    loops, floors = [], []
    for _ in range(args.rounds + 1):
        loops.append(seconds(lambda: loop(engine, patch, method)))
        floors.append(seconds(lambda: floor(engine, patch, method)))
    ratios = [a / b for a, b in zip(loops[1:], floors[1:], strict=True)]
    print(
        f"surrogates {', '.join(args.surrogates)}; {args.steps} steps, look-ahead {args.look_ahead}"
    )
    print(f"loop  {statistics.median(loops[1:]):.3f} s")
    print(f"floor {statistics.median(floors[1:]):.3f} s")
    print(f"ratio {statistics.median(ratios):.3f} (from {min(ratios):.3f} to {max(ratios):.3f})")


if __name__ == "__main__":
    main()
