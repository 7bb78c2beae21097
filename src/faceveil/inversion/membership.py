"""Was this photo trained on? Attacks that answer with a figure and give back no face."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.config import Strict
from faceveil.core.errors import UsageError
from faceveil.inversion.attack import Threat, access_of
from faceveil.inversion.victim import Victim
from faceveil.inversion.watch import watched
from faceveil.measures.rate import Rate, mean, rate

FPR = 0.1
"""The share of photos not trained on that may be taken for ones that were."""

TINY = 1e-5
"""Added to variances, as batch normalisation does."""


@dataclass(frozen=True)
class Membership(Strict, ABC):
    """A way to tell training photos from others. The fields of a subclass are its configuration.

    A subclass overrides :meth:`scores`, which sees photos and not which of them were trained on.
    """

    name: ClassVar[str]
    """What it is called on the command line."""
    summary: ClassVar[str]
    """One line for the command line's help."""
    threat: ClassVar[Threat]
    """What the attacker holds besides the photos."""

    @abstractmethod
    def scores(self, victim: Victim, photos: Float[Tensor, "n 3 s s"]) -> Float[Tensor, " n"]:
        """How much each photo looks trained on."""

    def obstacle(self, victim: Victim) -> str | None:
        """Why the attack cannot be made on ``victim``, as a sentence; None if it can."""
        return None

    @final
    def __call__(
        self,
        victim: Victim,
        members: Float[Tensor, "n 3 s s"],
        people: Sequence[str],
        others: Float[Tensor, "m 3 s s"],
        *,
        seed: int = 0,
    ) -> dict[str, Rate]:
        """How well it tells them, intervals over the people of the members.

        ``AUC`` is the chance that a member scores above another photo, .5 for guessing;
        ``TPR@0.1`` the share of members found when a tenth of the others is taken for members,
        left out where there are not ten.

        Args:
            victim: the recogniser.
            members: photos it was trained on.
            people: whom each of them shows.
            others: photos, best of the same people, that it was not trained on.
            seed: of the intervals.

        Raises:
            UsageError: there are no others.
        """
        if not len(others):
            raise UsageError(
                f"{self.name} compares training photos with others of the same people, and there "
                "are none: train with held_out_photos of 1 or more."
            )
        scores = self.scores(victim.limited(access_of(self.threat)), torch.cat((members, others)))
        scores = scores.detach().cpu().double()
        ours, theirs = scores[: len(members)], scores[len(members) :]
        above = (ours[:, None] > theirs).double() + (ours[:, None] == theirs).double() / 2
        figures = {"AUC": mean(above.mean(1), people, seed=seed)}
        if n_allowed := int(len(theirs) * FPR):
            threshold = theirs.topk(n_allowed + 1).values[-1]
            figures[f"TPR@{FPR:g}"] = rate(ours > threshold, people, seed=seed)
        return figures


@dataclass(frozen=True)
class BatchNormDistance(Membership):
    """Batch normalisation remembers the mean of what was trained on; members lie nearer to it.

        d(x) = sum_l mean_c (mu_lc(x) - m_lc)^2 / s_lc

    with mu the mean over places of what reaches layer l from the one photo x, m and s the mean and
    variance that the layer keeps. The score is -d. Ours in this form.
    """

    name: ClassVar[str] = "membership"
    summary: ClassVar[str] = "tell training photos by the statistics of batch normalisation"
    threat: ClassVar[Threat] = "white-box"

    def obstacle(self, victim: Victim) -> str | None:
        """The network keeps no statistics."""
        if victim.batch_norms:
            return None
        return (
            f"{self.name} reads statistics of batch normalisation, and {victim.name} has none left "
            "(an ONNX file has them folded, and some networks never had any)."
        )

    def scores(self, victim: Victim, photos: Float[Tensor, "n 3 s s"]) -> Float[Tensor, " n"]:
        """Minus the distance, photo by photo so that none depends on the others."""
        rows = []
        with torch.no_grad(), watched(victim.batch_norms) as layers:
            for photo in torch.split(photos, 1):
                layers.clear()
                victim.embed(photo.to(victim.device))
                distances = [
                    ((maps.mean((0, 2, 3)) - mean).square() / (variance + TINY)).mean()
                    for maps, mean, variance in layers
                ]
                rows.append(-torch.stack(distances).sum())
        return torch.stack(rows)
