"""Rebuild decoys.safetensors: for every bundled recogniser, targets that point at nobody.

The faces are the 40 people of the Database of Faces (ORL), see faceveil.data.orl. A person is
the mean of ten photos' embeddings; a decoy is the mean of eight people, taken as far from the mean
of all as one person is; both are normalised. The people are shuffled twice and dealt out in eights,
so a person is in two of the ten decoys; the deal is the same for every recogniser, so that row i is
the same mix of people to each.
"""

from __future__ import annotations

import sys
from argparse import ArgumentParser

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from bundling import ZOO_DATA, sha256
from faceveil.data.orl import N_PEOPLE, N_PHOTOS, open_orl
from faceveil.faces.detect import Detector
from faceveil.recognisers import zoo
from faceveil.recognisers.recogniser import Recogniser

PHOTOS_SHA256 = "8f511de1c90e8fd6a09bec27d51219c7ed4a339559ce38f8517a23204ce56203"
"""Of the photos' RGB pixels, one photo after the other."""
ENLARGED = 3
BORDER_PX = 96
N_PER_DECOY = 8
N_SHUFFLES = 2
SEED = 0


def enlarge(pixels: np.ndarray) -> np.ndarray:
    """One photo, enlarged and within a border: at 92 x 112 a face is too small and fills it."""
    small = Image.fromarray(pixels)
    large = small.resize(
        (small.width * ENLARGED, small.height * ENLARGED), Image.Resampling.BICUBIC
    )
    return np.array(ImageOps.expand(large, BORDER_PX))


def embed(recogniser: Recogniser, photos: list[np.ndarray], landmarks: list[np.ndarray]) -> Tensor:
    """Unit vectors, people x photos x embedding."""
    rows = []
    for start in range(0, len(photos), N_PHOTOS):
        chosen = slice(start, start + N_PHOTOS)
        batch = torch.from_numpy(np.stack(photos[chosen])).permute(0, 3, 1, 2) / 255
        rows.append(recogniser(batch, torch.from_numpy(np.stack(landmarks[chosen]))))
    return torch.stack(rows)


def deal() -> Tensor:
    """Who is in which decoy: decoys x people."""
    random = np.random.default_rng(SEED)
    shuffles = [random.permutation(N_PEOPLE) for _ in range(N_SHUFFLES)]
    return torch.from_numpy(np.concatenate(shuffles).reshape(-1, N_PER_DECOY))


def off_diagonal(cosines: Tensor) -> Tensor:
    """The entries of a square matrix that compare two different things."""
    return cosines[~torch.eye(len(cosines), dtype=torch.bool)]


@torch.inference_mode()
def main() -> None:
    """Detect, embed, mix, describe, write."""
    ArgumentParser(description=__doc__).parse_args()
    torch.set_num_threads(1)  # the last digits of a sum depend on how many threads share it
    originals = [picture.read().pixels for picture in open_orl()]
    found = sha256(np.stack(originals).tobytes())
    if found != PHOTOS_SHA256:
        sys.exit(f"The pixels of the ORL photos have SHA-256 {found}, not {PHOTOS_SHA256}.")
    photos = [enlarge(pixels) for pixels in originals]
    detector = Detector.load()
    landmarks = [detector(photo)[0].landmarks for photo in photos]

    decoys = {}
    for name in zoo.RECOGNISERS:
        embeddings = embed(zoo.load(name), photos, landmarks)
        people = F.normalize(embeddings.mean(1), dim=1)
        # The mean of eight lies nearer to everyone than any person does; sqrt(8) takes it as far
        # from the mean of all as one person is.
        mean = people.mean(0)
        mixed = mean + (people[deal()].mean(1) - mean) * N_PER_DECOY**0.5
        decoys[name] = F.normalize(mixed, dim=1).contiguous()
        to_people = decoys[name] @ people.T
        print(
            f"{name}: highest cosine of a decoy to a person {to_people.max():.3f}, "
            f"to a single photo {(embeddings @ decoys[name].T).max():.3f}, "
            f"to another decoy {off_diagonal(decoys[name] @ decoys[name].T).max():.3f}; "
            f"of a person to another {off_diagonal(people @ people.T).max():.3f}"
        )
    # One entry: safetensors writes several in no fixed order, and the file must be reproducible.
    data = save(decoys, {"made": " ".join(__doc__.split())})
    (ZOO_DATA / "decoys.safetensors").write_bytes(data)
    print(f"decoys.safetensors: SHA-256 {sha256(data)}")


if __name__ == "__main__":
    main()
