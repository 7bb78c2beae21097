"""What a personal mask does on photos that took no part in making it, and what takes it off again.

    python benchmarks/personal_masks.py DATA --people 0:20 --enrol 4 --held-out dlib -o lines.jsonl

DATA is ``orl`` or holds people as PERSON/PHOTO. Each person is enrolled from their first photos,
against all bundled recognisers but one, and wears the mask on all others, written without loss.
The one left out then compares each with all other photos of the person as they are, at the
threshold of its card: a false accept rate of .01. It is shown the files as written, treated,
revealed with the key and its receipt, with another person's mask subtracted in the same place, and
with an estimate subtracted: the mean fine detail of the person's veiled photos, aligned, which is
the mask and what their faces have in common. People already in the file of lines are not done
again.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from faceveil.app.embed import embed
from faceveil.app.engine import Engine
from faceveil.app.enrol import FAR, enrol, settings
from faceveil.app.key import Key
from faceveil.app.personal import PersonalProtector
from faceveil.app.protect import Worn
from faceveil.app.settings import People, Settings
from faceveil.app.treatment import Treatment
from faceveil.bench.damage import damage
from faceveil.data.open import open_pictures
from faceveil.faces.face import Face
from faceveil.faces.frame import aligned
from faceveil.faces.patch import Patch, extract, paste
from faceveil.faces.place import found_again
from faceveil.io.encode import encode
from faceveil.io.photo import Photo, decode
from faceveil.masks.personal import PersonalMask
from faceveil.measures.rate import rate
from faceveil.ops.treat import blur
from faceveil.recognisers import zoo
from faceveil.recognisers.recogniser import Recogniser

Pixels = NDArray[np.uint8]
TREATMENTS = ("jpeg 70", "blur 1", "resize 0.5")
DETAIL_PX = 4.0
"""Deviation of the blur that an averaging attacker takes detail from, in a frame of 112 px."""
AGAIN = (1.0, 2.0, 4.0)
"""How many times over that attacker subtracts the estimate; what matches best is counted."""


@dataclass(frozen=True)
class Scene:
    """How masks are made and laid, and who judges."""

    settings: Settings
    engine: Engine
    judge: Recogniser


@dataclass(frozen=True)
class Wearing:
    """A photo under its mask, as decoded from its file."""

    clean: Photo
    face: Face
    veiled: Photo
    worn: Worn

    @property
    def patch(self) -> Patch:
        """Of the veiled photo, where the mask was laid."""
        return extract(self.veiled.pixels, self.face, region="oval")


def main() -> None:
    """A line for every photo, then means with intervals over people."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data")
    parser.add_argument("--people", default=":")
    parser.add_argument("--enrol", type=int, default=4)
    parser.add_argument("--held-out", default="dlib", choices=zoo.RECOGNISERS)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("-o", "--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    made = settings({"run": {"surrogates": [n for n in zoo.RECOGNISERS if n != args.held_out]}})
    engine = Engine.load(made.run, device="cpu")
    scene = Scene(made, engine, zoo.load(args.held_out))
    people = open_pictures(args.data).select(args.people).by_person
    lines = _read(args.out)
    done = {line["person"] for line in lines}
    noise = torch.rand(3, 112, 112, generator=torch.Generator().manual_seed(0))
    stranger = PersonalMask((noise - 0.5) / 8)
    for person, pictures in people.items():
        if person in done:
            continue
        photos = [picture.read() for picture in pictures]
        began = time.process_time()
        key = enrol(person, photos[: args.enrol], engine, made).key
        about = {"person": person, "enrol_cpu_s": time.process_time() - began}
        found = list(_person(scene, key, stranger, photos, args.enrol))
        with args.out.open("a", encoding="utf-8") as file:
            file.writelines(json.dumps(about | line) + "\n" for line in found)
        print(f"{person}: {len(found)} photos", flush=True)
        stranger = key.mask
    _report(_read(args.out), scene.judge)


def _person(
    scene: Scene, key: Key, stranger: PersonalMask, photos: Sequence[Photo], n_enrolled: int
) -> Iterator[dict[str, Any]]:
    """What the judge says of each unseen photo of a person, in every state."""
    clean = {photo.name: _seen(scene, photo.pixels, photo) for photo in photos}
    budget = key.about.budget
    protector = PersonalProtector(scene.settings, scene.engine, [key], People((key.digest,)))
    wearing = []
    for photo in photos[n_enrolled:]:
        others = torch.cat([row for name, row in clean.items() if name != photo.name])
        (dressed,) = protector.dress(photo, scene.engine.detector(photo.pixels)[:1])
        if dressed.veiled is None or dressed.worn is None:
            same = _nearest(clean[photo.name], others)
            yield {"photo": photo.name, "laid": False, "clean": same, "as written": same}
            continue
        began = time.process_time()
        key.mask.lay(dressed.patch, budget)
        seconds = time.process_time() - began
        data = encode(photo, paste(photo.pixels, [(dressed.patch, dressed.veiled)]), quality=95)
        one = Wearing(photo, dressed.face, decode(data, photo.name), dressed.worn)
        wearing.append((one, others, seconds))
    estimate = PersonalMask(_estimate([one for one, _, _ in wearing])) if wearing else None
    for one, others, seconds in wearing:
        patch, strength = one.patch, one.worn.strength

        def cosine(pixels: Pixels, one: Wearing = one, others: Tensor = others) -> float:
            return _nearest(_seen(scene, pixels, one.clean, one.face), others)

        def without(
            mask: PersonalMask, times: float, one: Wearing = one, patch: Patch = patch
        ) -> Pixels:
            return paste(one.veiled.pixels, [(patch, mask.lift(patch, budget, times))])

        assert estimate is not None
        yield {
            "photo": one.clean.name,
            "laid": True,
            "strength": strength,
            "lay_cpu_s": seconds,
            "ssim": damage(one.clean.pixels, one.veiled.pixels, one.face)["ssim"],
            "clean": _nearest(clean[one.clean.name], others),
            "as written": cosine(one.veiled.pixels),
            **{spec: cosine(Treatment(spec)(one.veiled.pixels)) for spec in TREATMENTS},
            "revealed": cosine(without(key.mask, strength)),
            "another key": cosine(without(stranger, strength)),
            "averaging": max(cosine(without(estimate, times)) for times in AGAIN),
        }


def _estimate(wearing: Sequence[Wearing]) -> Tensor:
    """The mean fine detail of veiled faces in the frame masks lie in."""
    patches = [one.patch for one in wearing]
    frames = torch.cat(
        [aligned(_tensor(one.native), one.native_landmarks[None], 112) for one in patches]
    )
    return (frames - blur(frames, [DETAIL_PX] * len(frames))).mean(0)


def _seen(scene: Scene, pixels: Pixels, clean: Photo, face: Face | None = None) -> Tensor:
    """What the judge sees in pixels, whose face is where it was if none is found there."""
    faces = scene.engine.detector(pixels)
    if face is not None:
        faces = (found_again(face, clean.pixels.shape, faces, pixels.shape),)
    return embed(pixels, faces[:1], [scene.judge])[scene.judge.name]


def _nearest(row: Tensor, others: Tensor) -> float:
    return float((row @ others.T).max())


def _tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(pixels).permute(2, 0, 1)[None] / 255


def _read(path: Path) -> list[dict[str, Any]]:
    if not path.is_file():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _report(lines: Sequence[dict[str, Any]], judge: Recogniser) -> None:
    """Means over photos, intervals over people."""
    needed = judge.card.threshold(FAR).cosine
    laid = [line for line in lines if line["laid"]]
    people = {line["person"] for line in lines}
    print(f"{len(people)} people, {len(lines)} photos; the mask was laid on {len(laid)}")
    for state in ("clean", "as written", *TREATMENTS, "revealed", "another key", "averaging"):
        some = lines if state in {"clean", "as written"} else laid
        missed = torch.tensor([line[state] < needed for line in some])
        share = rate(missed, [line["person"] for line in some])
        print(
            f"{state}: PSR@{FAR:g} {share.mean:.3f} ({share.low:.3f}-{share.high:.3f}), n {share.n}"
        )
    for name in ("ssim", "strength", "lay_cpu_s", "enrol_cpu_s"):
        values = [line[name] for line in laid]
        print(
            f"{name}: median {statistics.median(values):.4f}, {min(values):.4f}-{max(values):.4f}"
        )


if __name__ == "__main__":
    main()
