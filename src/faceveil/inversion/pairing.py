"""The pairing attack: mixes that show the same person are set against each other.

    z_i = sum_p W_ip F_p + e_i,   F_p ~ N(m, 1), e_i ~ N(0, lambda)
    F = m + (W' W + lambda)^-1 W' (Z - m)

Every row Z_i that leaked is a mix; W_ip, the share of person p in it, is the label stored beside
it. Faces F_p as the recogniser would see them alone are the least squares solution, with the mean
public face m as prior and lambda for the ways in which photos of one person differ. A U-Net trained
on single public faces then turns F_t into pixels, as in :mod:`~faceveil.inversion.recovery`.

After Carlini et al., "Is Private Learning Possible with Instance Encoding?" (IEEE S&P 2021), who
learn which of InstaHide's mixes share a photo, solve for the photos, and take absolute values since
InstaHide gives every number a random sign. Ours: mixes are paired by the labels, for whoever steals
training inputs steals those too, so that it is a person's photos' mean that is solved for; and
hidden signs are taken to be those of m, which mixes are never far from: Z = |Z| sign(m).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from faceveil.core.ranges import NonNegative
from faceveil.inversion.attack import Threat
from faceveil.inversion.leaks import shares_of
from faceveil.inversion.problem import Problem
from faceveil.inversion.recovery import Unmasking, leaked
from faceveil.inversion.victim import Victim
from faceveil.training.ahm import Mixing
from faceveil.training.defence import Labels, Masked, Masking
from faceveil.training.instahide import Signed
from faceveil.training.learner import AT_ONCE


@dataclass(frozen=True)
class Pairing(Unmasking):
    """Take mixes apart.

    Attributes:
        spread: lambda: the variance of what is no face's mean, where that of faces is 1.
    """

    name: ClassVar[str] = "pairing"
    summary: ClassVar[str] = "take leaked mixes apart by their labels (after Carlini et al. 2021)"
    threat: ClassVar[Threat] = "masked inputs"

    spread: NonNegative = 0.5

    def obstacle(self, victim: Victim) -> str | None:
        """Nothing is mixed."""
        if not victim.masked:
            return super().obstacle(victim)
        if isinstance(victim.masking(0), Mixing):
            return None
        return f"{self.name} takes mixes of faces apart, and {victim.name} was trained on none."

    def evidence(self, problem: Problem) -> tuple[Float[Tensor, "1 c p p"], Float[Tensor, " 1"]]:
        """F_t; its confidence is the share of its variance that the rows tell."""
        leak = leaked(self, problem)
        own, (rows, labels) = shares_of(leak, problem.person), leak
        masking, public = problem.victim.masking(0).cpu(), problem.public
        with torch.no_grad():
            seen = torch.cat([single(masking, some) for some in torch.split(public, AT_ONCE)])
        shares = torch.zeros(len(rows), len(problem.victim.people))
        shares.scatter_add_(1, labels.people, labels.weight)
        precision = shares.T @ shares + self.spread * torch.eye(shares.shape[1])
        solve = torch.linalg.solve(precision, shares.T)[problem.person]
        mean, z = seen.mean(0).flatten(), rows.flatten(1)
        if isinstance(masking, Signed):
            z = z.abs() * mean.sign()
        face = mean + solve @ (z - mean)
        return face.view(1, *rows.shape[1:]), (solve @ own)[None]

    def mask(
        self,
        masking: Masking,
        faces: Float[Tensor, "b 3 s s"],
        people: Int[Tensor, " b"],
        seed: int,
    ) -> Masked:
        """Single faces."""
        return Masked(single(masking, faces), Labels.hard(people))


def single(masking: Masking, faces: Float[Tensor, "b 3 s s"]) -> Float[Tensor, "b c p p"]:
    """Faces as they go into mixes, one by one."""
    return masking.seen(faces) if isinstance(masking, Mixing) else masking(faces)
