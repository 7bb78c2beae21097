"""Protection success: does a recogniser that was left out still match, at equal visible damage?"""

from __future__ import annotations

import functools
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from itertools import product
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from faceveil.app.treatment import Treatment
from faceveil.bench.cast import Cast, cast
from faceveil.bench.damage import MEASURES
from faceveil.bench.figure import Figure
from faceveil.bench.origins import same_network
from faceveil.bench.protocol import Comparison, Items, Plan
from faceveil.bench.task import Arm, Task
from faceveil.core.errors import UsageError
from faceveil.core.ranges import Fraction, Quality
from faceveil.data.open import open_pictures
from faceveil.data.pictures import Picture
from faceveil.masks.registry import chosen
from faceveil.measures.identification import rank_n_untargeted
from faceveil.measures.rate import Rate, mean, rate
from faceveil.measures.verification import (
    n_false_accepts,
    pairs,
    protection_success_rate,
    threshold_at,
)

NOBODY = "nobody"
"""Who is left out of the surrogates where every victim is one."""
VISIBLE = ("ssimulacra2", "flip", "ciede2000_p95", "ssim", "psnr", "photo_ssim", "photo_psnr")
Aim = Literal["dodge", "impersonate"]


@dataclass(frozen=True, kw_only=True)
class Psr(Comparison):
    """PSR at FAR of every method, leaving one recogniser out, at equal visible damage.

    Thresholds are the cosines at those false accept rates among the pictures of the people to
    calibrate on, found in the same run. A veiled face is protected from a victim when its cosine to
    every other picture of the person is below the threshold (dodging), or its cosine to another
    picture of the target is at or above it (impersonation). Every victim is attacked by masks made
    with all other recognisers (Hu et al. 2022; Shamshad et al. 2023).

    Attributes:
        probes: who is protected, as a selection of people.
        targets: who is to be taken for; the first of them in the aim ``impersonate``.
        distractors: who else is in the gallery for Rank-1-UT; empty for nobody.
        calibration: the people thresholds are found on; nobody else's pictures are used for it.
        thresholds: cosines by victim to use instead, for one false accept rate.
        fars: false accept rates.
        levels: equal damages, as the SSIMULACRA2 every face crop keeps at least under masks that
            are scaled down to it; none to leave every method its own limits on what may be seen.
            At a level those on SSIMULACRA2 and FLIP are lifted, or a method would show less than
            the others; what else it bounds, such as eps, is its own. The level holds on the pixels
            that are coded: a JPEG's coding comes on top (half a point at most on a few photos).
        aims: ``dodge``, ``impersonate``, or both.
        treatments: what is done to each file before it is judged, such as ``jpeg 75``; an empty one
            leaves it as written.
        leave_out: whether the victim is left out of the surrogates; if not, every victim judges
            masks that all surrogates helped to make, which is no proof for any other recogniser.
        surrogates, methods, settings: as in :class:`Comparison`.
    """

    name: ClassVar[str] = "psr"
    summary: ClassVar[str] = (
        "Protection success at FAR, one recogniser left out, at equal visible damage."
    )

    probes: str = "150:200"
    targets: str = ""
    distractors: str = ""
    calibration: str = ":150"
    thresholds: dict[str, float] = field(default_factory=dict)
    fars: tuple[Fraction, ...] = (0.01, 0.001)
    levels: tuple[Quality, ...] = (50.0, 70.0)
    aims: tuple[Aim, ...] = ("dodge",)
    treatments: tuple[str, ...] = ("",)
    leave_out: bool = True

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.aims:
            raise UsageError(f"{self.name}: name an aim, dodge or impersonate.")
        if "impersonate" in self.aims and not self.targets:
            raise UsageError(f"{self.name}: impersonation needs targets, for example targets=':1'.")
        if self.thresholds and (len(self.fars) != 1 or set(self.thresholds) != set(self.victims)):
            raise UsageError(
                f"{self.name}: thresholds name one cosine for every victim, at one rate in fars."
            )
        if not self.treated:
            raise UsageError(f'{self.name}: name a treatment; "" leaves files as written.')

    @property
    def _left_out(self) -> tuple[str, ...]:
        return self.victims if self.leave_out else (NOBODY,)

    @property
    def treated(self) -> tuple[Treatment, ...]:
        """The treatments as values."""
        return tuple(Treatment(spec) for spec in self.treatments)

    def plan(self) -> Plan:
        """Every probe under every arm, and everybody as they are."""
        pictures = open_pictures(self.data)
        parts = cast(
            pictures, probes=self.probes, targets=self.targets, distractors=self.distractors
        )
        known = tuple(pictures.select(self.calibration)) if not self.thresholds else ()
        if shared := {picture.person for picture in known} & set(parts.probe_people):
            raise UsageError(
                f"{self.name}: {min(shared)} cannot be protected and calibrated on at once."
            )
        if not self.thresholds:
            self._check_rates([picture.person for picture in known])
        arms = [
            self._arm(method, aim, level, left_out, parts.targets)
            for method, aim, level, left_out in product(
                chosen(self.methods), self.aims, self.levels or (None,), self._left_out
            )
        ]
        as_they_are = [*known, *(one for one in parts.gallery if one not in known)]
        as_written = tuple(dict.fromkeys((Treatment(), *self.treated)))
        tasks = [
            *(Task(picture) for picture in as_they_are),
            *(Task(picture, None, as_written) for picture in parts.probes),
            *(Task(picture, arm, self.treated) for arm in arms for picture in parts.probes),
        ]
        return Plan(tasks, partial(self._figures, parts, known, arms))

    def _check_rates(self, people: Sequence[str]) -> None:
        """Refuses, before hours of work, rates that this many pictures could never tell."""
        n_impostor = math.comb(len(people), 2)
        n_impostor -= sum(math.comb(count, 2) for count in Counter(people).values())
        for far in self.fars:
            if not 0 < far < 1 or not n_false_accepts(far, n_impostor):
                raise UsageError(
                    f"{self.name}: FAR {far:g} cannot be told from {n_impostor} impostor pairs of "
                    f"calibration={self.calibration!r}: name more people, or other fars."
                )

    def _arm(
        self,
        method: str,
        aim: Aim,
        level: float | None,
        left_out: str,
        targets: Sequence[Picture],
        /,
    ) -> Arm:
        surrogates = [
            name
            for name in self.surrogates
            if left_out == NOBODY or not same_network(name, left_out)
        ]
        if not surrogates:
            raise UsageError(f"{self.name}: without {left_out}, the victim, there is no surrogate.")
        fixed: dict[str, Any] = {"run.goal": aim} if aim == "impersonate" else {}
        if level is not None:
            fixed |= {"budget.ssimulacra2": level, "budget.flip": None, "budget.spot": None}
        settings = self.settings_of(method, surrogates, fixed=fixed)
        at = {"method": method, "aim": aim}
        if level is not None:
            at["SSIMULACRA2"] = f"{level:g}"
        people = tuple(targets[:1]) if aim == "impersonate" else ()
        return Arm({**at, "left out": left_out}, settings, people)

    def judges(self, arm: Arm) -> Mapping[str, Mapping[str, str]]:
        """The victims ``arm`` is judged by, and where what each says stands in tables."""
        left_out = arm.at["left out"]
        if left_out == NOBODY:
            return {victim: {"victim": victim} for victim in self.victims}
        return {left_out: {}}

    def _figures(
        self, parts: Cast, known: Sequence[Picture], arms: Sequence[Arm], items: Items
    ) -> list[Figure]:
        seen = items.seen(parts, arms)
        thresholds = functools.cache(partial(self._thresholds, items, known))
        figures = []
        for arm, treatment in product(arms, self.treated):
            for victim, place in self.judges(arm).items():
                at = {**arm.at, **place, "after": treatment.name}
                answers, clean = (
                    self._answers(items, one, seen, victim, treatment, thresholds(victim))
                    for one in (arm, None)
                )
                figures += [Figure(name, answers[name], at, clean[name]) for name in answers]
        for arm, name in product(arms, VISIBLE):
            values = torch.tensor([item.damage[name] for item in items.of(arm, seen.probes)])
            value = mean(values, seen.probe_people, seed=self.seed)
            figures.append(Figure(MEASURES[name], value, arm.at))
        return figures

    def _thresholds(
        self, items: Items, known: Sequence[Picture], victim: str
    ) -> dict[float, float]:
        """The victim's cosine at every false accept rate."""
        if self.thresholds:
            return {self.fars[0]: self.thresholds[victim]}
        pictures = items.usable(known)
        embeddings = items.embeddings(None, pictures, victim)
        genuine, impostor = pairs(embeddings, [picture.person for picture in pictures])
        return {far: threshold_at(genuine, impostor, far).cosine for far in self.fars}

    def _answers(  # noqa: PLR0917
        self,
        items: Items,
        arm: Arm | None,
        parts: Cast,
        victim: str,
        treatment: Treatment,
        thresholds: Mapping[float, float],
    ) -> dict[str, Rate]:
        """What ``victim`` says of the probes under ``arm`` after ``treatment``."""
        people, seed = parts.probe_people, self.seed
        probes = items.embeddings(arm, parts.probes, victim, treatment.name)
        similarities = probes @ items.embeddings(None, parts.gallery, victim).T
        to_self = _nearest(similarities, [parts.other(person) for person in people])
        rates = {
            f"PSR@{far:g}": protection_success_rate(to_self, threshold, people, seed=seed)
            for far, threshold in thresholds.items()
        }
        if self.targets:
            target = parts.other(parts.target_people[0])
            if not target:
                raise UsageError(
                    f"{self.name}: no face was found in any picture of {parts.target_people[0]} "
                    "that its masks were not made towards: choose another target."
                )
            to_target = _nearest(similarities, [target] * len(people))
            for far, threshold in thresholds.items():
                taken = to_target.double() >= threshold
                rates[f"taken for the target@{far:g}"] = rate(taken, people, seed=seed)
        rates["Rank-1-UT"] = rank_n_untargeted(
            similarities, parts.gallery_people, people, 1, seed=seed
        )
        rates["cosine to the same person"] = mean(to_self, people, seed=seed)
        return rates


def _nearest(similarities: Tensor, entries: Sequence[Sequence[int]]) -> Tensor:
    """Each row's greatest similarity to its entries."""
    rows = zip(similarities, entries, strict=True)
    return torch.stack([row[list(at)].max() for row, at in rows])
