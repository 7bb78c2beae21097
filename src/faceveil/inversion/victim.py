"""The recogniser under attack, and how much of it an attacker may touch."""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

from faceveil.core.errors import UsageError
from faceveil.core.seeds import derive
from faceveil.data.align import template
from faceveil.recognisers.recogniser import Recogniser
from faceveil.training.ahm import Mixing
from faceveil.training.dctdp import Noisy
from faceveil.training.defence import Masking
from faceveil.training.finished import Finished
from faceveil.training.learner import AT_ONCE, Learner

Access = Literal["label-only", "black-box", "white-box"]
"""What is answered: who it is; how sure of each person; everything, gradients included."""

_LEVELS: tuple[Access, ...] = ("label-only", "black-box", "white-box")

ENROLLED_PX = 112
"""The side of the crops that recognisers which were not trained here are shown."""

ENROLLED_SCALE = 32.0
"""What cosines to enrolled people are multiplied by, where no training says; ours."""


@dataclass(frozen=True, eq=False)
class Stolen:
    """Everything a thief of the whole recogniser has.

    Attributes:
        network: from aligned crops, RGB in [0, 1], to embeddings of any length.
        centres: a unit vector for each person; of the head, or the mean of enrolled photos.
        scale: what cosines are multiplied by to be logits.
        masking: what stands in front of the backbone; None in an imported file.
    """

    network: nn.Module
    centres: Float[Tensor, "p d"]
    scale: float
    masking: Masking | None


class Victim:
    """A recogniser of known people, answering as its access allows and refusing what goes beyond.

    It holds no photo, so an attack that has only a victim cannot look one up.

    Args:
        stolen: the recogniser; not trained further.
        name: what it is called.
        people: in the order of the labels.
        size_px: the side of its crops, which lie in ArcFace's frame.
        access: what it answers.
    """

    def __init__(
        self,
        stolen: Stolen,
        *,
        name: str,
        people: Sequence[str],
        size_px: int,
        access: Access = "white-box",
    ):
        self._stolen = stolen
        self.name, self.people = name, tuple(people)
        self.size_px, self.access = size_px, access

    def limited(self, access: Access) -> Victim:
        """The same victim, answering no more than that."""
        self._need(access)
        return Victim(
            self._stolen,
            name=self.name,
            people=self.people,
            size_px=self.size_px,
            access=access,
        )

    @torch.no_grad()
    def labels(self, images: Float[Tensor, "b 3 s s"]) -> Int[Tensor, " b"]:
        """Whom each image is taken for."""
        return self._answers(images).argmax(1)

    @torch.no_grad()
    def probabilities(self, images: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b p"]:
        """How sure it is of each person, from black-box access on; no gradients."""
        self._need("black-box")
        return self._answers(images).softmax(1)

    def logits(self, images: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b p"]:
        """The scale times the cosine to each centre, differentiable."""
        self._need("white-box")
        return self._logits(images)

    def embed(self, images: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b d"]:
        """Unit vectors, differentiable."""
        self._need("white-box")
        return F.normalize(self._stolen.network(images))

    @property
    def centres(self) -> Float[Tensor, "p d"]:
        """The unit vector each person is known by."""
        self._need("white-box")
        return self._stolen.centres

    @property
    def network(self) -> nn.Module:
        """From crops to embeddings."""
        self._need("white-box")
        return self._stolen.network

    @property
    def masked(self) -> bool:
        """Whether it is known what stands in front of the backbone; an imported file tells not."""
        return self._stolen.masking is not None

    def masking(self, seed: int) -> Masking:
        """What stands in front of the backbone; see :attr:`masked`.

        All of it is in whatever was stolen but the key of its secret draws: this one's is made from
        ``seed``.

        Raises:
            UsageError: it is not known.
        """
        self._need("white-box")
        if self._stolen.masking is None:
            raise UsageError(f"{self.name} is an imported file that tells of no mask.")
        masking = copy.deepcopy(self._stolen.masking)
        if isinstance(masking, (Mixing, Noisy)):
            key = hashlib.sha256(str(seed).encode()).digest()
            masking.key.copy_(torch.tensor(list(key), dtype=torch.uint8))
        return masking

    @property
    def batch_norms(self) -> list[nn.BatchNorm2d]:
        """The layers that still hold statistics of what was trained on, in order; maybe none."""
        return [m for m in self.network.modules() if isinstance(m, nn.BatchNorm2d)]

    @property
    def device(self) -> torch.device:
        """Where images must lie."""
        return self._stolen.centres.device

    @property
    def fingerprint(self) -> str:
        """A hash of everything it computes with."""
        digest = hashlib.sha256()
        for value in (*self._stolen.network.state_dict().values(), self._stolen.centres):
            if isinstance(value, Tensor):
                digest.update(value.detach().cpu().contiguous().numpy().tobytes())
        return digest.hexdigest()

    def _answers(self, images: Tensor) -> Tensor:
        """Logits of any number of images."""
        return torch.cat([self._logits(some) for some in torch.split(images, AT_ONCE)])

    def _logits(self, images: Tensor) -> Tensor:
        embeddings = F.normalize(self._stolen.network(images))
        return self._stolen.scale * embeddings @ self._stolen.centres.T

    def _need(self, access: Access) -> None:
        if _LEVELS.index(access) > _LEVELS.index(self.access):
            raise UsageError(
                f"{self.name} gives {self.access} access here, and this attack asks for {access}."
            )


def of_run(run: Finished) -> Victim:
    """What ``faceveil train`` left behind, the head included."""
    learner = run.learner.eval().requires_grad_(requires_grad=False)
    stolen = Stolen(
        learner.network,
        F.normalize(learner.head.centres),
        learner.head.margin.s,
        learner.network.masking,
    )
    return Victim(stolen, name=run.recipe.name, people=run.people, size_px=run.recipe.size_px)


def untrained(run: Finished) -> Victim:
    """A recogniser by the same recipe that has learnt nothing: what it gives away is a floor.

    Its mask is the run's, whose statistics are of the photos.
    """
    seed = derive(run.recipe.seed, "untrained")
    recipe = replace(run.recipe, name=f"{run.recipe.name}-untrained", seed=seed)
    learner = Learner(recipe, len(run.people)).to(run.learner.head.centres.device)
    learner.network.masking.load_state_dict(run.learner.network.masking.state_dict())
    return of_run(replace(run, recipe=recipe, learner=learner))


def of_recogniser(
    recogniser: Recogniser, photos: Float[Tensor, "n 3 s s"], shown: Sequence[str]
) -> Victim:
    """Any recogniser, with people enrolled in it by the mean embedding of their photos.

    Args:
        recogniser: as imported.
        photos: crops in ArcFace's frame, RGB in [0, 1]; not kept.
        shown: whom each shows.
    """
    network = Framed(recogniser, photos.shape[-1]).eval()
    people = tuple(dict.fromkeys(shown))
    with torch.no_grad():
        rows = [network(some.to(recogniser.device)) for some in torch.split(photos, AT_ONCE)]
    embeddings = torch.cat(rows)
    centres = [embeddings[[one == person for one in shown]].mean(0) for person in people]
    stolen = Stolen(network, F.normalize(torch.stack(centres)), ENROLLED_SCALE, None)
    return Victim(stolen, name=recogniser.name, people=people, size_px=photos.shape[-1])


class Framed(nn.Module):
    """A recogniser that is shown crops in ArcFace's frame, whatever its own is."""

    landmarks: Tensor

    def __init__(self, recogniser: Recogniser, size_px: int):
        super().__init__()
        self.recogniser = recogniser
        points = torch.from_numpy(template(size_px)).to(recogniser.device)
        self.register_buffer("landmarks", points)

    def forward(self, crops: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b d"]:
        """Unit vectors."""
        return self.recogniser(crops, self.landmarks.expand(len(crops), -1, -1))
