"""What the world does to a photo before a recogniser sees it."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image


@dataclass(frozen=True)
class Treatment:
    """What the world may do to a posted photo: resize it by a factor, then save it as JPEG."""

    scale: float = 1.0
    quality: int | None = None

    @property
    def name(self) -> str:
        """What verdicts call it."""
        size = "half size" if self.scale == 0.5 else f"{100 * self.scale:g} % size"
        steps = [size] if self.scale != 1 else []
        steps += [f"JPEG {self.quality}"] if self.quality is not None else []
        return " + ".join(steps) or "as written"

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """RGB ``pixels`` (h w 3) treated, by Pillow's antialiased resampling and its JPEG codec."""
        image = Image.fromarray(pixels)
        if self.scale != 1:
            size = [max(1, round(side * self.scale)) for side in image.size]
            image = image.resize((size[0], size[1]), Image.Resampling.LANCZOS)
        if self.quality is not None:
            file = BytesIO()
            image.save(file, "JPEG", quality=self.quality)
            image = Image.open(file)
        return np.asarray(image)


def treatments(quality: int | None = 75, scale: float = 1 / 2) -> tuple[Treatment, ...]:
    """As written, recompressed, resized, and both; None and 1 leave theirs out."""
    every = (Treatment(), Treatment(1, quality), Treatment(scale), Treatment(scale, quality))
    return tuple(dict.fromkeys(every))


STANDARD = treatments()
"""What every verdict states unless asked otherwise."""
