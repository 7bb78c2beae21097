"""What the world does to a photo before a recogniser sees it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from faceveil.core.errors import UsageError

Pixels = NDArray[np.uint8]


def _jpeg(image: Image.Image, quality: float) -> Image.Image:
    file = BytesIO()
    image.save(file, "JPEG", quality=round(quality))
    return Image.open(file)


def _resize(image: Image.Image, factor: float) -> Image.Image:
    return image.resize(_scaled(image, factor), Image.Resampling.LANCZOS)


def _fit(image: Image.Image, longest_px: float) -> Image.Image:
    factor = longest_px / max(image.size)
    return image if factor >= 1 else _resize(image, factor)


def _screenshot(image: Image.Image, factor: float) -> Image.Image:
    """Shown at another size by a browser, which does not low-pass, and captured."""
    return image.transform(
        _scaled(image, factor),
        Image.Transform.AFFINE,
        (1 / factor, 0, 0, 0, 1 / factor, 0),
        Image.Resampling.BILINEAR,
    )


def _blur(image: Image.Image, sigma_px: float) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(sigma_px))


def _median(image: Image.Image, size_px: float) -> Image.Image:
    return image.filter(ImageFilter.MedianFilter(round(size_px)))


def _bits(image: Image.Image, n_bits: float) -> Image.Image:
    steps = 2 ** round(n_bits) - 1
    pixels = np.round(np.asarray(image) / 255 * steps) / steps * 255
    return Image.fromarray(pixels.round().astype(np.uint8))


def _scaled(image: Image.Image, factor: float) -> tuple[int, int]:
    width, height = (max(1, round(side * factor)) for side in image.size)
    return width, height


@dataclass(frozen=True)
class _Step:
    """A kind of step: what it does, its name in verdicts, and which values make sense."""

    apply: Callable[[Image.Image, float], Image.Image]
    name: str
    low: float
    high: float
    whole: bool = True


_STEPS = {
    "jpeg": _Step(_jpeg, "JPEG {:g}", 1, 100),
    "resize": _Step(_resize, "{:.6g} % size", 0.01, 8, whole=False),
    "fit": _Step(_fit, "at most {:g} px", 16, 20_000),
    "screenshot": _Step(_screenshot, "screenshot at {:.6g} %", 0.1, 8, whole=False),
    "blur": _Step(_blur, "blur {:g} px", 0.1, 50, whole=False),
    "median": _Step(_median, "median {:g} px", 3, 15),
    "bits": _Step(_bits, "{:g} bits a channel", 1, 8),
}
_PERCENT = ("resize", "screenshot")


@dataclass(frozen=True)
class Treatment:
    """Steps one after the other, such as ``resize 0.5 + jpeg 75``; nothing for as written.

    ``jpeg QUALITY`` saves and reads again; ``resize FACTOR`` resamples with a low-pass (Lanczos);
    ``fit PX`` does so where a side is longer, as social networks do; ``screenshot FACTOR``
    resamples bilinearly without one, as a browser's zoom does; ``blur SIGMA_PX``; and, as an
    attacker's purification, ``median SIZE_PX`` and ``bits N`` (feature squeezing, Xu et al. 2018).

    Raises:
        UsageError: a step is unknown or its value unsuitable.
    """

    spec: str = ""

    def __post_init__(self) -> None:
        for word, value in self._steps():
            step = _STEPS[word]
            odd = word == "median" and value % 2 != 1
            if not step.low <= value <= step.high or (step.whole and value % 1) or odd:
                raise UsageError(
                    f"treatment {self.spec!r}: {word} takes "
                    f"{'an odd number' if word == 'median' else 'a number'} from {step.low:g} to "
                    f"{step.high:g}, not {value:g}."
                )

    @property
    def name(self) -> str:
        """What verdicts call it."""
        return " + ".join(_name(word, value) for word, value in self._steps()) or "as written"

    def __call__(self, pixels: Pixels) -> Pixels:
        """RGB ``pixels`` (h w 3) treated, by Pillow's filters and its JPEG codec."""
        image = Image.fromarray(pixels)
        for word, value in self._steps():
            image = _STEPS[word].apply(image, value)
        return np.asarray(image)

    def _steps(self) -> list[tuple[str, float]]:
        return [self._step(text.strip()) for text in self.spec.split("+") if text.strip()]

    def _step(self, text: str) -> tuple[str, float]:
        word, _, value = text.partition(" ")
        try:
            if word in _STEPS:
                return word, float(value)
        except ValueError:
            pass
        raise UsageError(
            f"treatment {self.spec!r}: {text!r} is no step; write one of {', '.join(_STEPS)} and a "
            "number, for example 'resize 0.5 + jpeg 75'."
        )


def _name(word: str, value: float) -> str:
    if (word, value) == ("resize", 0.5):
        return "half size"
    return _STEPS[word].name.format(100 * value if word in _PERCENT else value)


def treatments(quality: int | None = 75, scale: float = 1 / 2) -> tuple[Treatment, ...]:
    """As written, recompressed, resized, and both; None and 1 leave theirs out."""
    jpeg = "" if quality is None else f"jpeg {quality}"
    resize = "" if scale == 1 else f"resize {scale:g}"
    both = " + ".join(step for step in (resize, jpeg) if step)
    return tuple(dict.fromkeys(Treatment(spec) for spec in ("", jpeg, resize, both)))


STANDARD = treatments()
"""What every verdict states unless asked otherwise."""
