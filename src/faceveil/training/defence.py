"""What a recogniser is trained on instead of photos: the seam every defence plugs into.

A :class:`Defence` is configuration; :meth:`Defence.build` makes its :class:`Masking`, which stands
between the photos and the backbone. Training sees :meth:`Masking.train_mask`; everybody afterwards,
the exported ONNX file too, sees :meth:`Masking.forward`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn

from faceveil.core.config import Strict
from faceveil.ops.srgb import luma


class Labels(NamedTuple):
    """Whom each row shows, ``k`` people at most: the loss is the sum of weight times loss.

    Weights below one in sum leave room for somebody unknown, as when a public photo is mixed in.
    """

    people: Int[Tensor, "b k"]
    weight: Float[Tensor, "b k"]

    @classmethod
    def hard(cls, people: Int[Tensor, " b"]) -> Labels:
        """One person a row."""
        return cls(people[:, None], torch.ones(len(people), 1, device=people.device))


class Masked(NamedTuple):
    """What the backbone is shown, and the labels that fit it."""

    inputs: Float[Tensor, "b c p q"]
    labels: Labels


class Masking(nn.Module, ABC):
    """A defence at work.

    Parameters that require a gradient when :meth:`build` returns descend on the recogniser's loss
    with the backbone's. What learns otherwise (a strategy) freezes its own and moves them in
    :meth:`learn`. The whole ``state_dict`` is in every checkpoint; an optimiser's state can join it
    through ``get_extra_state``, as dicts, lists, numbers, strings and tensors.
    """

    n_channels: int
    """Channels of the backbone's input."""
    side_px: int
    """Rows and columns of the backbone's input."""

    @abstractmethod
    def forward(self, images: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b c p p"]:
        """The inference mask: what the finished recogniser sees of faces, RGB in [0, 1]."""

    def prepare(self, batches: Iterable[Float[Tensor, "_ 3 s s"]]) -> None:
        """Look at training photos, once, before training: for statistics that are kept."""

    def train_mask(
        self, images: Float[Tensor, "n 3 s s"], people: Int[Tensor, " b"], seed: int
    ) -> Masked:
        """What the recogniser is trained on; by default the inference mask and the plain labels.

        Args:
            images: RGB in [0, 1], augmented; where the defence :attr:`~Defence.mixes`, more of them
                than there are labels, the last ones public photos of nobody in particular.
            people: whom they show.
            seed: of this batch of this process; the same again when a run is resumed.
        """
        return Masked(self(images), Labels.hard(people))

    def around(self, backbone: nn.Module, embedding_size: int) -> nn.Module:
        """The backbone as this defence has it, with layers changed or added; by default as it is.

        Args:
            backbone: new, from inputs to embeddings.
            embedding_size: how many numbers it gives.
        """
        return backbone

    def judge(
        self, masked: Masked, backbone: nn.Module, head: nn.Module
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, ""]]:
        """The loss of each row, and a term that is added to their mean; by default 0.

        Args:
            masked: of :meth:`train_mask`.
            backbone: of :meth:`around`.
            head: from embeddings and labels to losses.
        """
        losses = head(backbone(masked.inputs), masked.labels)
        return losses, losses.new_zeros(())

    def learn(
        self, losses: Float[Tensor, " b"], held_out_loss: Callable[[], float]
    ) -> dict[str, float]:
        """Called after each batch's backward pass, on every process with its own rows.

        Args:
            losses: of the batch that :meth:`train_mask` made last, detached.
            held_out_loss: when called, works out the recogniser's mean loss on the next few
                held-out photos of people it is trained on, under the inference mask; NaN if there
                are none.

        Returns:
            Figures for the log, by name.
        """
        return {}


@dataclass(frozen=True)
class Defence(Strict, ABC):
    """A way to train. The fields of a subclass are its whole configuration."""

    name: ClassVar[str]
    """What it is called in a recipe: ``[defence] name = ...``."""
    summary: ClassVar[str]
    """One line for lists."""
    mixes: ClassVar[bool] = False
    """Whether several photos go into one input, so that public ones can take part."""

    @abstractmethod
    def build(self, size_px: int) -> Masking:
        """The defence at work on crops of ``size_px``.

        Raises:
            UsageError: it cannot work on such crops.
        """

    def proved(self, n_photos: int, batch: int, n_steps: int) -> dict[str, float]:
        """What is proved of a recogniser so trained, by name, for its log and card; here nothing.

        Args:
            n_photos: trained on.
            batch: of them in a step.
            n_steps: done.

        Raises:
            UsageError: with these settings that would prove nothing.
        """
        return {}


@dataclass(frozen=True)
class Undefended(Defence):
    """No defence: the recogniser sees the pixels.

    Attributes:
        colour: ``grey`` shows it brightness only (BT.601), in one channel.
    """

    name: ClassVar[str] = "none"
    summary: ClassVar[str] = "train on the photos themselves"

    colour: Literal["rgb", "grey"] = "rgb"

    def build(self, size_px: int) -> Masking:
        """Pixels in [-1, 1]."""
        return Pixels(size_px, self.colour)


class Pixels(Masking):
    """Pixels, brought from [0, 1] to [-1, 1]."""

    def __init__(self, size_px: int, colour: Literal["rgb", "grey"]):
        super().__init__()
        self.side_px = size_px
        self.colour = colour
        self.n_channels = 3 if colour == "rgb" else 1

    def forward(self, images: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b c s s"]:
        """The same pixels in [-1, 1]."""
        if self.colour == "grey":
            images = luma(images)
        return 2 * images - 1
