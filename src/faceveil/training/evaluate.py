"""What a recogniser has learnt: who is it, and are these two the same, on photos held out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.seeds import derive, generator
from faceveil.measures.identification import rank_n
from faceveil.measures.rate import Rate
from faceveil.measures.verification import k_fold_accuracy, pair_owners, pairs, true_accepts
from faceveil.training.crops import Crops
from faceveil.training.split import Split

FARS = (0.01, 0.001, 0.0001)
N_FOLDS = 10
MOST_PROBES, MOST_GALLERY = 2000, 20000
"""Of larger sets so many photos are looked at, see :func:`thinned`."""

Embed = Callable[[Crops, Sequence[int]], Float[Tensor, "n d"]]
"""Unit vectors, on the CPU, of some crops."""


@dataclass(frozen=True, eq=False)
class Listed:
    """A verification set that lists its pairs: crops, and pairs ``(first, second, same, fold)``.

    Of ``n_listed`` pairs there were, those are here of which both faces are found.
    """

    name: str
    crops: Crops
    pairs: Sequence[tuple[int, int, bool, int]]
    n_listed: int


@dataclass(frozen=True, eq=False)
class Examination:
    """Everything a recogniser is asked during and after training.

    * ``photos/rank-1``: held-out photos of people trained on, among their training photos.
    * ``strangers/rank-1``: photos of people held out, each in a gallery of all others.
    * ``SET/TAR@FAR``: over all pairs of the set's photos.
    * ``SET/accuracy``: ten-fold, over all its genuine pairs and equally many impostor pairs.

    A figure for which there are too few photos is left out.
    """

    crops: Crops
    split: Split
    listed: Listed | None = None
    seed: int = 0
    _probes: dict[str, list[int]] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        chosen = {"photos": self.split.photos, "strangers": self.split.strangers}
        for name, indices in chosen.items():
            self._probes[name] = thinned(self.crops.people, indices, MOST_PROBES)

    def __call__(self, embed: Embed) -> dict[str, Rate]:
        """Each figure there are photos for, by name."""
        figures: dict[str, Rate] = {}
        if photos := self._probes["photos"]:
            gallery = thinned(self.crops.people, self.split.train, MOST_GALLERY)
            known = {self.crops.people[index] for index in gallery}
            photos = [index for index in photos if self.crops.people[index] in known]
            probes = embed(self.crops, photos)
            similarities = probes @ embed(self.crops, gallery).T
            figures["photos/rank-1"] = rank_n(
                similarities, self._people(gallery), self._people(photos), 1, seed=self.seed
            )
            figures |= self._verify("photos", probes, self._people(photos))
        if strangers := self._probes["strangers"]:
            figures |= self._strangers(embed(self.crops, strangers), self._people(strangers))
        if self.listed is not None:
            figures |= self._listed(self.listed, embed)
        return figures

    def _strangers(self, embeddings: Tensor, people: Sequence[str]) -> dict[str, Rate]:
        count = Counter(people)
        probes = [i for i, person in enumerate(people) if count[person] > 1]
        figures: dict[str, Rate] = {}
        if probes and len(count) > 1:
            similarities = (embeddings @ embeddings.T).fill_diagonal_(-torch.inf)[probes]
            names = [people[i] for i in probes]
            figures["strangers/rank-1"] = rank_n(similarities, people, names, 1, seed=self.seed)
        return figures | self._verify("strangers", embeddings, people)

    def _verify(self, name: str, embeddings: Tensor, people: Sequence[str]) -> dict[str, Rate]:
        genuine, impostor = pairs(embeddings, people)
        if not genuine.numel():
            return {}
        figures = self._tars(name, genuine, pair_owners(people), impostor)
        return figures | self._accuracy(name, embeddings, people)

    def _accuracy(self, name: str, embeddings: Tensor, people: Sequence[str]) -> dict[str, Rate]:
        """Of as many pairs of one person as of two, nobody in two folds, as in LFW."""
        everybody = {one: number for number, one in enumerate(dict.fromkeys(people))}
        n_folds = min(N_FOLDS, len(everybody) // 2)
        if n_folds < 2:
            return {}
        draw = generator(derive(self.seed, name))
        person = torch.tensor([everybody[one] for one in people])
        fold = torch.randperm(len(everybody), generator=draw)[person] % n_folds
        first, second = torch.triu_indices(len(people), len(people), 1)
        within = fold[first] == fold[second]
        first, second = first[within], second[within]
        same = person[first] == person[second]
        n = min(int(same.sum()), int((~same).sum()))
        if n < N_FOLDS:
            return {}
        sides = [kind.nonzero()[:, 0] for kind in (same, ~same)]
        some = torch.cat([side[torch.randperm(len(side), generator=draw)[:n]] for side in sides])
        first, second, same = first[some], second[some], same[some]
        cosines = (embeddings[first] * embeddings[second]).sum(1)
        accuracy = k_fold_accuracy(cosines, same, fold[first].tolist(), seed=self.seed)
        return {f"{name}/accuracy": accuracy}

    def _listed(self, listed: Listed, embed: Embed) -> dict[str, Rate]:
        first, second, same, folds = zip(*listed.pairs, strict=True)
        embeddings = embed(listed.crops, range(len(listed.crops.names)))
        cosines = (embeddings[list(first)] * embeddings[list(second)]).sum(1)
        right = torch.tensor(same)
        owners = [str(fold) for fold, is_same in zip(folds, same, strict=True) if is_same]
        figures = self._tars(listed.name, cosines[right], owners, cosines[~right])
        if len(set(folds)) > 1:
            accuracy = k_fold_accuracy(cosines, right, folds, seed=self.seed)
            figures[f"{listed.name}/accuracy"] = accuracy
        return figures

    def _tars(
        self, name: str, genuine: Tensor, owners: Sequence[str], impostor: Tensor
    ) -> dict[str, Rate]:
        found = true_accepts(genuine, impostor, owners, FARS, seed=self.seed)
        return {f"{name}/TAR@{threshold.far:g}": accepted for threshold, accepted in found}

    def _people(self, indices: Sequence[int]) -> list[str]:
        return [self.crops.people[index] for index in indices]


def thinned(people: Sequence[str], indices: Iterable[int], most: int) -> list[int]:
    """At most so many of the photos, everyone's first before anyone's second."""
    seen: Counter[str] = Counter()
    turns = []
    for index in indices:
        seen[people[index]] += 1
        turns.append((seen[people[index]], index))
    return [index for _, index in sorted(turns)[:most]]
