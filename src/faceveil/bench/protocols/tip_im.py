"""TIP-IM's experiment: identification among many, towards targets, over gamma and N."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from functools import partial
from itertools import product
from typing import Any, ClassVar

import torch

from faceveil.bench.cast import Cast, cast
from faceveil.bench.damage import MEASURES
from faceveil.bench.figure import Figure
from faceveil.bench.protocol import Comparison, Items, Plan
from faceveil.bench.task import Arm, Task
from faceveil.core.config import Strict
from faceveil.core.errors import UsageError
from faceveil.core.ranges import Count, NonNegative
from faceveil.data.open import open_pictures
from faceveil.data.pictures import Picture
from faceveil.masks import tip_im
from faceveil.masks.registry import chosen, method_class
from faceveil.measures.identification import rank_n_targeted, rank_n_untargeted
from faceveil.measures.rate import Rate, mean

RANKS = (1, 5)
VISIBLE = ("psnr", "ssim", "mmd", "ssimulacra2", "photo_psnr", "photo_ssim")


@dataclass(frozen=True)
class Reported(Strict):
    """What others reported: ``measure`` with one surrogate and gamma, by victim.

    The recognisers are theirs; :attr:`TipIm.counterparts` says which of ours stand for them.

    Attributes:
        measure: such as ``Rank-1-T``.
        surrogate: the recogniser masks were made with.
        gamma: the weight of the MMD.
        by_victim: the figure of each recogniser asked.
    """

    measure: str
    surrogate: str
    gamma: float
    by_victim: dict[str, float]


@dataclass(frozen=True, kw_only=True)
class TipIm(Comparison):
    """Rank-N-T and Rank-N-UT of every method, each surrogate against each victim.

    Each protected person has one probe, veiled towards one picture of every target; all their other
    pictures, the targets' other pictures and all pictures of the distractors are the gallery
    (Yang et al. 2021, section 4).

    Attributes:
        probes: who is protected, as a selection of people such as ``:50`` or ``id000-id049``.
        targets: who is to be taken for.
        distractors: who else is in the gallery; empty for nobody.
        surrogates, methods, settings: as in :class:`Comparison`; masks are made with one surrogate
            at a time.
        gammas: weights of the MMD, for methods that have one.
        batches: N, the photos the MMD is taken over, likewise.
        counterparts: by name of ours, the recogniser of the report it stands for.
        reported: figures to print beside ours of TIP-IM.
    """

    name: ClassVar[str] = "tip-im"
    summary: ClassVar[str] = (
        "TIP-IM's experiment: surrogate x victim x gamma x N, Rank-N-T and Rank-N-UT."
    )

    probes: str = ":50"
    targets: str = "50:60"
    distractors: str = ""
    gammas: tuple[NonNegative, ...] = (0.0,)
    batches: tuple[Count, ...] = (1,)
    counterparts: dict[str, str] = field(default_factory=dict)
    reported: tuple[Reported, ...] = ()

    def plan(self) -> Plan:
        """Every probe under every arm, and everybody as they are."""
        pictures = open_pictures(self.data)
        parts = cast(
            pictures, probes=self.probes, targets=self.targets, distractors=self.distractors
        )
        if len(parts.gallery) < max(RANKS):
            raise UsageError(
                f"{self.name}: Rank-{max(RANKS)} means nothing in a gallery of "
                f"{len(parts.gallery)} pictures: name more probes, targets or distractors."
            )
        arms = [
            self._arm(method, surrogate, weights, parts.targets)
            for method, surrogate in product(chosen(self.methods), self.surrogates)
            for weights in self._weights(method)
        ]
        clean = [Task(picture) for picture in (*parts.probes, *parts.gallery)]
        veiled = [Task(picture, arm) for arm in arms for picture in parts.probes]
        return Plan(clean + veiled, partial(self._figures, parts, arms))

    def _weights(self, method: str) -> list[dict[str, Any]]:
        """The gammas and batches a method is run with; an empty one if it has no gamma."""
        if "gamma" not in {one.name for one in fields(method_class(method))}:
            return [{}]
        return [
            {"gamma": gamma, "mmd_batch": n_batch}
            for gamma, n_batch in product(self.gammas, self.batches)
        ]

    def _arm(
        self, method: str, surrogate: str, weights: dict[str, Any], targets: Sequence[Picture]
    ) -> Arm:
        fixed = {f"method.{name}": value for name, value in weights.items()}
        settings = self.settings_of(method, [surrogate], fixed=fixed)
        at = {"method": method, "surrogate": surrogate}
        if weights:
            at |= {"gamma": f"{weights['gamma']:g}", "N": str(weights["mmd_batch"])}
        return Arm(at, settings, tuple(targets))

    def _figures(self, parts: Cast, arms: Sequence[Arm], items: Items) -> list[Figure]:
        seen = items.seen(parts, arms)
        figures = []
        for arm, victim in product(arms, self.victims):
            clean = self._ranks(items, None, seen, victim)
            for measure, value in self._ranks(items, arm, seen, victim).items():
                at = {**arm.at, "victim": victim}
                theirs = self._theirs(measure, arm, victim)
                figures.append(Figure(measure, value, at, clean[measure], theirs))
        for arm, name in product(arms, VISIBLE):
            values = torch.tensor([item.damage[name] for item in items.of(arm, seen.probes)])
            value = mean(values, seen.probe_people, seed=self.seed)
            figures.append(Figure(MEASURES[name], value, arm.at))
        return figures

    def _ranks(self, items: Items, arm: Arm | None, parts: Cast, victim: str) -> dict[str, Rate]:
        probes = items.embeddings(arm, parts.probes, victim)
        similarities = probes @ items.embeddings(None, parts.gallery, victim).T
        shown, people = parts.gallery_people, parts.probe_people
        targets = [parts.target_people] * len(people)
        rates = {}
        for n in RANKS:
            rates[f"Rank-{n}-T"] = rank_n_targeted(
                similarities, shown, people, targets, n, seed=self.seed
            )
            rates[f"Rank-{n}-UT"] = rank_n_untargeted(
                similarities, shown, people, n, seed=self.seed
            )
        return rates

    def _theirs(self, measure: str, arm: Arm, victim: str) -> float | None:
        """What was reported in the place of this figure."""
        if arm.at["method"] != tip_im.TipIm.name:
            return None
        place = measure, self.counterparts.get(arm.at["surrogate"]), arm.at["gamma"]
        for one in self.reported:
            if (one.measure, one.surrogate, f"{one.gamma:g}") == place:
                return one.by_victim.get(self.counterparts.get(victim, ""))
        return None
