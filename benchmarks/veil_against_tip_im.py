"""How much sooner the default veil misleads a held-out recogniser than TIP-IM, at TIP-IM's damage.

    python benchmarks/veil_against_tip_im.py DIR

DIR holds people as PERSON/PHOTO, two photos each. TIP-IM runs as its code does: 100 steps, ten
targets, all of them compared at every step. The veil is then given, face by face, what TIP-IM left
visible (its SSIMULACRA2, its FLIP and its worst spot) as its budget, and as few steps as bring the
held-out recogniser's mean cosine to the person's other photo as low. Each bundled recogniser is
held out in turn, the other two are surrogates. Takes half an hour on two cores with four people.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray

from faceveil.app.engine import Engine
from faceveil.app.settings import Run
from faceveil.core.budget import Budget
from faceveil.data.open import open_pictures
from faceveil.data.pictures import Picture
from faceveil.faces.patch import Patch, extract
from faceveil.masks.limits import Spots, visible_limits
from faceveil.masks.method import Method
from faceveil.masks.tip_im import TipIm
from faceveil.masks.veil import Veil
from faceveil.measures.shown import shown
from faceveil.recognisers import zoo
from faceveil.recognisers.recogniser import Recogniser

STEPS = (1, 2, 3, 4, 6, 8, 12, 16, 24)


@dataclass(frozen=True)
class Person:
    """The face to veil, and the person's other photo."""

    face: Patch
    other: Patch


@dataclass(frozen=True)
class Outcome:
    """What a method made of all faces, how long it took, and the mean cosine that is left."""

    veiled: list[NDArray[np.uint8]]
    seconds: float
    cosine: float


def main() -> None:
    """Print, for each recogniser held out, both times and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--people", default=":4")
    args = parser.parse_args()
    for held_out in zoo.RECOGNISERS:
        compare(args.data, args.people, held_out)


def compare(data: str, chosen: str, held_out: str) -> None:
    """One line of the result."""
    surrogates = tuple(name for name in zoo.RECOGNISERS if name != held_out)
    both, dodge = (
        Engine.load(Run(goal=goal, surrogates=surrogates, held_out=(held_out,)), device="cpu")
        for goal in ("both", "dodge")
    )
    people = [
        Person(*(patch_of(dodge, picture) for picture in pictures[:2]))
        for pictures in open_pictures(data).select(chosen).by_person.values()
    ]
    n = len(people)
    tip_im = TipIm(steps=100, alpha=0.18, norm="l2", look_ahead=1, objective="code")
    theirs = veil(tip_im, both, people, [tip_im.default_budget] * n)
    budgets = [seen(one.face, pixels) for one, pixels in zip(people, theirs.veiled, strict=True)]
    for steps in STEPS:
        ours = veil(Veil(steps=steps), dodge, people, budgets)
        if ours.cosine <= theirs.cosine:
            break
    print(
        f"{held_out} held out, {n} faces: tip-im {theirs.seconds / n:.1f} s a face, cosine "
        f"{theirs.cosine:.3f}; veil of {steps} steps {ours.seconds / n:.2f} s, cosine "
        f"{ours.cosine:.3f}; {theirs.seconds / ours.seconds:.0f} times as fast",
        flush=True,
    )


def patch_of(engine: Engine, picture: Picture) -> Patch:
    """The first face of a picture."""
    photo = picture.read()
    return extract(photo.pixels, engine.detector(photo.pixels)[0])


def veil(
    method: Method, engine: Engine, people: Sequence[Person], budgets: Sequence[Budget]
) -> Outcome:
    """Every face veiled by itself, timed together."""
    veiled: list[NDArray[np.uint8]] = []
    taken = 0.0
    for one, budget in zip(people, budgets, strict=True):
        start = time.perf_counter()
        proposal = method(
            [one.face],
            engine.surrogates,
            engine.goal,
            budget=budget,
            views=method.default_views,
            face_seeds=[1],
        )
        veiled += proposal.within(budget)
        taken += time.perf_counter() - start
    (judge,) = engine.held_out
    cosines = [
        float(
            (
                embedding(judge, one.face, pixels) * embedding(judge, one.other, one.other.native)
            ).sum()
        )
        for one, pixels in zip(people, veiled, strict=True)
    ]
    return Outcome(veiled, taken, sum(cosines) / len(cosines))


def embedding(judge: Recogniser, patch: Patch, pixels: NDArray[np.uint8]) -> torch.Tensor:
    """What the held-out recogniser sees in these pixels of a patch."""
    with torch.inference_mode():
        return judge(tensor(pixels), patch.native_landmarks[None])


def seen(patch: Patch, veiled: NDArray[np.uint8]) -> Budget:
    """The budget that allows just what is seen of ``veiled``."""
    rows, columns = patch.face_crop
    before, after = (shown(tensor(pixels)[..., rows, columns]) for pixels in (patch.native, veiled))
    ends = Budget(ssimulacra2=0, flip=0)
    flip, ssimulacra2 = (float(slack(after)) for slack in visible_limits(ends, before))
    spot = -float(Spots(0, before).slack(after))
    return replace(Veil.default_budget, ssimulacra2=ssimulacra2, flip=-flip, spot=spot)


def tensor(pixels: NDArray[np.uint8]) -> torch.Tensor:
    """Pixels as ``1 3 h w`` in [0, 1]."""
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255


if __name__ == "__main__":
    main()
