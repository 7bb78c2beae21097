"""From the faces of a photo to embeddings."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from faceveil.faces.face import Face
from faceveil.faces.patch import extract
from faceveil.recognisers.recogniser import Recogniser


def embed(
    pixels: NDArray[np.uint8],
    faces: Sequence[Face],
    recognisers: Sequence[Recogniser],
) -> dict[str, Float[Tensor, "n d"]]:
    """Each recogniser's unit vectors of ``faces`` in a photo, on the CPU.

    Args:
        pixels: uint8, h w 3, RGB.
        faces: where they are.
        recognisers: whose names become the keys.
    """
    rows: dict[str, list[Tensor]] = {recogniser.name: [] for recogniser in recognisers}
    for face in faces:
        patch = extract(pixels, face)
        for recogniser in recognisers:
            with torch.inference_mode():
                row = recogniser(
                    patch.pixels[None].to(recogniser.device),
                    patch.landmarks[None].to(recogniser.device),
                )
            rows[recogniser.name].append(row.cpu())
    return {
        recogniser.name: torch.cat(
            [torch.empty(0, recogniser.card.embedding_size), *rows[recogniser.name]]
        )
        for recogniser in recognisers
    }
