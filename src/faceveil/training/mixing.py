"""MixUp of faces, so that a recogniser is never shown one alone.

    z'_i = sum_j l_ij z_j        loss_i = sum_j l_ij L(f(z'_i), y_j)

The k faces of mix i are face i itself and k - 1 others, drawn without repetition. Their shares are
|N(0, 1)| over the sum, drawn again until none exceeds 0.65 (Huang et al., "InstaHide", ICML 2020):
no face outweighs the rest, and for k = 2 both shares lie in [0.35, 0.65]. Ours: the others are of
other people, as long as there are any, for mixed with oneself one is not hidden.

Adaptive hybrid masking (Wang et al., arXiv 2403.10558) mixes channels of :mod:`frequency`, the
ablation mixes pixels: it is all one here. Public faces take part without a label (InstaHide): the
labels of a mix that has some sum to less than 1. Ours: the others are drawn from the batch and from
the public faces alike, so as many public faces as the batch has make about half of a mix public.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from faceveil.core.errors import UsageError
from faceveil.training.defence import Labels
from faceveil.training.secret import Source, normals, signs, uniforms

CAP = 0.65
"""The largest share a face may have in a mix (InstaHide)."""


class Mix(NamedTuple):
    """Which faces each mix is made of, itself first, and how much of each."""

    members: Int[Tensor, "n k"]
    shares: Float[Tensor, "n k"]

    def of(self, faces: Float[Tensor, "m ..."]) -> Float[Tensor, "n ..."]:
        """The mixes of ``faces``, channels or pixels, public ones last."""
        n = len(self.members)
        matrix = self.shares.new_zeros(n, len(faces)).scatter_(1, self.members, self.shares)
        return (matrix.to(faces) @ faces.flatten(1)).view(n, *faces.shape[1:])

    def labels(self, people: Int[Tensor, " n"]) -> Labels:
        """Whom each mix shows, and how much; public faces show nobody."""
        n = len(people)
        index = people[self.members.clamp(max=n - 1).to(people.device)]
        return Labels(index, (self.shares * (self.members < n)).to(people.device))


def draw_mix(people: Int[Tensor, " n"], k: int, draw: Source, *, n_public: int = 0) -> Mix:
    """A mix for each face with a label, k to a mix.

    Args:
        people: whom they show.
        k: faces in a mix.
        draw: where the randomness comes from; let it be a secret one.
        n_public: faces without a label, which stand behind the others.

    Raises:
        UsageError: fewer than two faces to a mix, or fewer faces than that at hand.
    """
    n = len(people)
    if not 2 <= k <= n + n_public:
        raise UsageError(
            f"{k} faces cannot be mixed from a batch of {n} and {n_public} public ones: mix at "
            "least 2, and no more than there are."
        )
    order = uniforms(draw, n, n + n_public)
    order[:, :n] += (people[:, None] == people).to(order)  # behind everybody else
    order.fill_diagonal_(0)
    return Mix(order.topk(k, largest=False).indices, _shares(n, k, draw))


def sign_flipped(faces: Float[Tensor, "*shape"], draw: Source) -> Float[Tensor, "*shape"]:
    """Every number with a random sign, InstaHide's second half; for faces that have mean 0."""
    return faces * signs(draw, *faces.shape).to(faces)


def _shares(n: int, k: int, draw: Source) -> Float[Tensor, "{n} {k}"]:
    rows = torch.ones(n, k)
    while len(above := (rows.amax(1) > CAP).nonzero().flatten()):
        drawn = normals(draw, len(above), k).abs()
        rows[above] = (drawn / drawn.sum(1, keepdim=True)).float()
    return rows
