"""What is trained: a network from photos to embeddings, and a head that judges them."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int, UInt8
from torch import Tensor, nn

from faceveil.core.seeds import derive
from faceveil.training.crops import Crops
from faceveil.training.defence import Labels, Masked, Masking
from faceveil.training.margins import Head
from faceveil.training.recipe import Recipe

AT_ONCE = 256
"""Faces embedded together when nothing is learnt."""


class Network(nn.Module):
    """The finished recogniser's network: the inference mask, then the backbone."""

    def __init__(self, masking: Masking, backbone: nn.Module):
        super().__init__()
        self.masking = masking
        self.backbone = backbone

    def forward(self, images: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b d"]:
        """Embeddings, not yet of unit length, of aligned crops in [0, 1]."""
        return self.backbone(self.masking(images))


class Learner(nn.Module):
    """The network and its head in training: crops and labels to losses."""

    def __init__(self, recipe: Recipe, n_people: int):
        super().__init__()
        with torch.random.fork_rng([]):
            torch.manual_seed(derive(recipe.seed, "weights"))
            masking = recipe.defence.build(recipe.size_px)
            backbone = recipe.backbone.build(masking.n_channels, masking.side_px)
            size = recipe.backbone.embedding_size
            self.network = Network(masking, masking.around(backbone, size))
            self.head = Head(recipe.margin, size, n_people)

    def forward(
        self, pixels: UInt8[Tensor, "n 3 s s"], people: Int[Tensor, " b"], seed: int
    ) -> tuple[Float[Tensor, " b"], Float[Tensor, ""]]:
        """The loss of each row, and the defence's term.

        Args:
            pixels: crops as they come from the file, augmented; whole numbers, because mixed
                precision would round others. Those beyond the labels are public.
            people: labels.
            seed: of the defence's draws.
        """
        masking = self.network.masking
        with torch.autocast(pixels.device.type, enabled=False):
            masked: Masked = masking.train_mask(pixels.float() / 255, people, seed)
        return masking.judge(masked, self.network.backbone, self.head)

    @torch.no_grad()
    def loss_of(self, pixels: UInt8[Tensor, "b 3 s s"], people: Int[Tensor, " b"]) -> float:
        """The mean loss under the inference mask, nothing being learnt."""
        training = self.training
        embeddings = self.eval().network(pixels.float() / 255)
        loss = self.head(embeddings, Labels.hard(people)).mean().item()
        self.train(training)
        return float(loss)


@torch.no_grad()
def embed(
    network: Callable[[Tensor], Tensor],
    device: torch.device,
    crops: Crops,
    indices: Sequence[int],
) -> Float[Tensor, "n d"]:
    """Unit vectors, on the CPU, of some crops.

    Args:
        network: from crops in [0, 1] to embeddings of any length.
        device: where it lies.
        crops: where the faces are.
        indices: which, at least one.
    """
    rows = []
    for at in range(0, len(indices), AT_ONCE):
        images = crops.take(indices[at : at + AT_ONCE]).to(device).float() / 255
        rows.append(F.normalize(network(images)).cpu())
    return torch.cat(rows)
