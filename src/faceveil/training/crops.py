"""Aligned faces cut out once: a file of uint8 crops that is mapped into memory.

The system keeps as much of it in memory as there is room, so small sets are read from memory and
large ones from disk, by the same code. A photo that cannot be read or shows no face is left out.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from filelock import FileLock
from jaxtyping import UInt8
from numpy.typing import NDArray
from torch import Tensor

from faceveil.core.errors import FaceveilError, UsageError
from faceveil.core.seeds import content_hash
from faceveil.data.align import find_face, template
from faceveil.data.pictures import Alignment, Picture
from faceveil.faces.detect import Detector
from faceveil.faces.patch import extract
from faceveil.ops import warp
from faceveil.training import lines

PIXELS, INDEX, LOCK = "crops.u8", "crops.jsonl", "crops.lock"
PUBLIC = "public"
"""How the folders of public faces are called."""


@dataclass(frozen=True, eq=False)
class Crops:
    """Aligned faces.

    Attributes:
        names: of the pictures they are from.
        people: whom each shows.
        pixels: uint8, n s s 3, RGB.
        left_out: what is wrong with each picture that gave no crop.
    """

    names: tuple[str, ...]
    people: tuple[str, ...]
    pixels: NDArray[np.uint8]
    left_out: tuple[str, ...]

    def take(self, indices: Sequence[int]) -> UInt8[Tensor, "b 3 s s"]:
        """Some of them, in the order asked for."""
        return torch.from_numpy(self.pixels[list(indices)]).permute(0, 3, 1, 2)

    def hashes(self) -> list[str]:
        """Of each crop's pixels."""
        return [content_hash(crop.tobytes()) for crop in self.pixels]


def cut(
    pictures: Sequence[Picture],
    alignment: Alignment,
    size_px: int,
    folder: Path,
    *,
    load_detector: Callable[[], Detector],
    advance: Callable[[float], None] = lambda n: None,
) -> Crops:
    """The aligned face of every picture, cut out now unless ``folder`` holds it already.

    Processes that want the same folder take turns, so the first one cuts for all.

    Args:
        pictures: in the same order whenever it is the same set.
        alignment: how the face is found.
        size_px: the side of the crops.
        folder: where the crops are kept; photos changed since are not looked at again.
        load_detector: called if there is anything to cut.
        advance: called with the number of pictures dealt with.

    Raises:
        UsageError: the folder holds crops of other pictures, or of these cut in another way.
        PhotoError: the disk is full; what is cut stays.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with FileLock(folder / LOCK):
        return _cut(
            pictures, alignment, size_px, folder, load_detector=load_detector, advance=advance
        )


def mixed_in(folder: Path, data: str) -> Path:
    """Where crops of public data that recipes mix in are kept, in the folder of those trained on:
    recipes that share it may differ in that."""
    return folder / f"{PUBLIC}-{content_hash(data.encode())[:8]}"


def _cut(
    pictures: Sequence[Picture],
    alignment: Alignment,
    size_px: int,
    folder: Path,
    *,
    load_detector: Callable[[], Detector],
    advance: Callable[[float], None],
) -> Crops:
    records = _known(folder, {"alignment": alignment, "size_px": size_px}, pictures)
    advance(len(records))
    if len(records) < len(pictures):
        detector = load_detector()
        for picture in pictures[len(records) :]:
            record: dict[str, Any] = {"name": picture.name, "person": picture.person}
            try:
                crop = _crop(picture, alignment, size_px, detector)
            except FaceveilError as error:
                record["fault"] = str(error)
            else:
                with lines.growing(folder / PIXELS), (folder / PIXELS).open("ab") as file:
                    file.write(crop.tobytes())
            lines.append(folder / INDEX, record)
            records.append(record)
            advance(1)
    kept = [record for record in records if "fault" not in record]
    shape = (len(kept), size_px, size_px, 3)
    return Crops(
        tuple(record["name"] for record in kept),
        tuple(record["person"] for record in kept),
        np.memmap(folder / PIXELS, np.uint8, "r", shape=shape) if kept else np.empty(shape, "u1"),
        tuple(record["fault"] for record in records if "fault" in record),
    )


def _crop(
    picture: Picture, alignment: Alignment, size_px: int, detector: Detector
) -> NDArray[np.uint8]:
    photo = picture.read()
    patch = extract(photo.pixels, find_face(photo, alignment, detector))
    matrix = warp.similarity(patch.landmarks[None], torch.from_numpy(template(size_px)))
    crop = warp.sample(patch.pixels[None], matrix, size_px)[0]
    return (255 * crop).round().clamp(0, 255).to(torch.uint8).permute(1, 2, 0).numpy()


def _known(
    folder: Path, header: dict[str, Any], pictures: Sequence[Picture]
) -> list[dict[str, Any]]:
    """What ``folder`` holds of ``pictures``, the two files brought into step after a kill."""
    found, *records = lines.read(folder / INDEX) or [header]
    names = [record["name"] for record in records]
    if found != header or names != [picture.name for picture in pictures[: len(names)]]:
        raise UsageError(
            f"{folder} holds crops of other photos, or cut in another way: name a new folder."
        )
    size = header["size_px"] ** 2 * 3
    with lines.growing(folder / PIXELS), (folder / PIXELS).open("ab") as file:
        n_whole = file.tell() // size
        n_crops = list(itertools.accumulate("fault" not in record for record in records))
        records = [record for record, n in zip(records, n_crops, strict=True) if n <= n_whole]
        file.truncate(size * sum("fault" not in record for record in records))
    lines.rewrite(folder / INDEX, [header, *records])
    return records
