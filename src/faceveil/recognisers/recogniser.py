"""A recogniser: an ONNX file and a card, as one differentiable torch module."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import torch
from jaxtyping import Float
from torch import Tensor, nn

from faceveil.core.errors import ModelError
from faceveil.core.seeds import generator
from faceveil.ops import warp
from faceveil.recognisers.card import Card, read_card, read_weights
from faceveil.recognisers.onnx import importer


class Recogniser(nn.Module):
    """Maps faces to unit vectors; two photos of one person lie close together.

    It holds no state that a call changes, so threads may share it.
    """

    template: Tensor
    mean: Tensor
    std: Tensor

    def __init__(self, card: Card, network: nn.Module):
        super().__init__()
        self.card = card
        # The layout most kernels want: with it they run faster and copy less.
        self.network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.register_buffer("template", torch.tensor(card.crop.template, dtype=torch.float32))
        for name, values in (("mean", card.crop.mean), ("std", card.crop.std)):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32).view(1, 3, 1, 1))

    @classmethod
    def load(cls, card_path: Path) -> Recogniser:
        """The recogniser whose card is ``card_path`` and whose weights lie beside it.

        Raises:
            ModelError: card or weights are missing, altered or unsuitable.
        """
        card = read_card(card_path)
        path = card_path.parent / card.weights
        return cls.from_bytes(card, read_weights(path, card.sha256), str(path))

    @classmethod
    def from_bytes(cls, card: Card, weights: bytes, name: str) -> Recogniser:
        """The recogniser ``card`` describes, its network given as the bytes of an ONNX file.

        Args:
            card: its SHA-256 is not looked at.
            weights: a whole ONNX file.
            name: what to call that file in messages.

        Raises:
            ModelError: the network cannot be imported, or is not what the card says.
        """
        network = importer.from_bytes(weights, name)
        recogniser = cls(card, network).eval().requires_grad_(requires_grad=False)
        recogniser._check_output(name)
        return recogniser

    @property
    def name(self) -> str:
        """The card's name."""
        return self.card.name

    @property
    def device(self) -> torch.device:
        """Where the network lies; inputs must lie there too."""
        return self.template.device

    def align(
        self,
        patches: Float[Tensor, "b 3 h w"],
        landmarks: Float[Tensor, "b 5 2"],
        jitter: Float[Tensor, "b 2 3"] | None = None,
    ) -> Float[Tensor, "b 3 s s"]:
        """Crops in which the landmarks lie on the card's template, differentiable in ``patches``.

        Args:
            patches: RGB in [0, 1].
            landmarks: in patch pixels.
            jitter: an affine map of the crop in coordinates where the crop spans [-1, 1]; the
                identity when None. It is composed with the alignment, so pixels are sampled once.

        Returns:
            Crops in [0, 1], ``s = card.crop.size_px``; what lies outside the patch is black.
        """
        size_px = self.card.crop.size_px
        matrix = warp.similarity(landmarks.to(self.template.dtype), self.template)
        if jitter is not None:
            matrix = warp.compose(_in_pixels(jitter.to(matrix.dtype), size_px), matrix)
        return warp.sample(patches.to(self.template.dtype), matrix, size_px)

    def embed(self, crops: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b d"]:
        """Unit vectors of aligned crops in [0, 1]."""
        return nn.functional.normalize(self._output(crops).flatten(1), dim=1)

    def forward(
        self,
        patches: Float[Tensor, "b 3 h w"],
        landmarks: Float[Tensor, "b 5 2"],
        jitter: Float[Tensor, "b 2 3"] | None = None,
    ) -> Float[Tensor, "b d"]:
        """Align, then embed; see :meth:`align` and :meth:`embed`."""
        return self.embed(self.align(patches, landmarks, jitter))

    def _output(self, crops: Tensor) -> Tensor:
        x = crops.to(self.template.dtype)
        if self.card.crop.channels == "bgr":
            x = x.flip(1)
        x = (255 * x - self.mean) / self.std
        return cast(Tensor, self.network(x.contiguous(memory_format=torch.channels_last)))

    def _check_output(self, name: str) -> None:
        size_px, embedding_size = self.card.crop.size_px, self.card.embedding_size
        crops = torch.rand(2, 3, size_px, size_px, generator=generator(0))
        with torch.inference_mode():
            try:
                output = self._output(crops)
            except (RuntimeError, ValueError, IndexError) as error:
                raise ModelError(
                    f"{name}: the network does not take two crops of {size_px} px, as its card "
                    f"says ({str(error).splitlines()[0]})."
                ) from None
        shape = tuple(output.shape) if isinstance(output, Tensor) else "several outputs"
        if not isinstance(output, Tensor) or output.flatten(1).shape != (2, embedding_size):
            raise ModelError(
                f"{name}: two crops give {shape}, but the card promises {embedding_size} numbers "
                "a face."
            )
        if not output.isfinite().all() or torch.equal(output[0], output[1]):
            raise ModelError(f"{name}: the network does not tell two crops of noise apart.")


def _in_pixels(jitter: Tensor, size_px: int) -> Tensor:
    """The affine map ``jitter`` of [-1, 1] coordinates, in crop pixels.

    Pixel p lies at n = (p - c) / r with centre c = (size - 1) / 2 and r = size / 2, so
    A n + t becomes A p + (c - A c + r t).
    """
    linear, shift = jitter[:, :, :2], jitter[:, :, 2:]
    centre = jitter.new_full((2, 1), (size_px - 1) / 2)
    return torch.cat([linear, centre - linear @ centre + shift * (size_px / 2)], dim=2)
