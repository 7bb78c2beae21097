"""From a stage to what an attack is given of each person: leaks included, photos not."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from faceveil.core.seeds import derive
from faceveil.inversion import leaks, victim
from faceveil.inversion.attack import Attack
from faceveil.inversion.kept import Kept
from faceveil.inversion.problem import Problem
from faceveil.inversion.recovery import Unmasking
from faceveil.inversion.stage import Stage
from faceveil.inversion.victim import Victim
from faceveil.training.defence import Masked


def floor_victim(attack: Attack, stage: Stage) -> Victim | None:
    """A victim that has learnt nothing, for the floor of an attack.

    None where none can be made, or where it would tell nothing: what leaked masked is as easy to
    undo if nothing was learnt.
    """
    if stage.run is None or attack.threat.startswith("masked"):
        return None
    return victim.untrained(stage.run)


def problems(
    attack: Attack,
    target: Victim,
    stage: Stage,
    people: Sequence[str],
    *,
    kept: Kept,
    seed: int,
) -> Iterator[Problem]:
    """What the attack is given for each of some people, one after the other.

    Args:
        attack: whose threat decides what has leaked.
        target: the stage's victim, or its floor.
        stage: the faces.
        people: by name.
        kept: see :class:`~faceveil.inversion.kept.Kept`.
        seed: of the run; each person's follows from it, the attack and the name.
    """
    leak = _leak(attack, stage, seed)
    for person in people:
        label = target.people.index(person)
        template = None
        if attack.threat == "template":
            with torch.no_grad():
                photo = stage.private.first([person]).to(target.device)
                template = target.embed(photo)[0]
        yield Problem(
            target,
            label,
            stage.public.photos,
            derive(seed, "inversion", attack.name, person),
            kept,
            template,
            leak,
        )


def _leak(attack: Attack, stage: Stage, seed: int) -> Masked | None:
    """What was overheard, of everybody, as far as the attack has a use for it."""
    if stage.run is None:
        return None
    photos, labels = stage.private.photos, stage.private.labels(stage.victim.people)
    match attack.threat:
        case "masked inputs":
            leak = leaks.masked_inputs(
                stage.run, photos, labels, seed=derive(seed, "order"), mixed_in=stage.mixed_in
            )
        case "masked queries":
            leak = leaks.masked_queries(stage.run, photos, labels)
        case _:
            return None
    return attack.gathered(leak) if isinstance(attack, Unmasking) else leaks.whole(leak)
