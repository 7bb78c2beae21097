"""From the lines of an audit to its figures, seeds put together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from faceveil.bench.audit.found import GIVEN_AWAY, QUERIES, Found, Kind, pooled
from faceveil.bench.figure import Figure
from faceveil.measures.rate import Rate

DEFENCE, ATTACK, TEST, FLOOR, CEILING = "defence", "attack", "test", "floor", "ceiling"
"""Kinds of place in an audit's tables."""


def strongest_of(measure: str) -> str:
    """What the figure of the attack is called that a measure says gave most away."""
    return f"{measure}, strongest attack"


def figures_of(found: Sequence[Found], control: str) -> list[Figure]:
    """Every figure, a mean over seeds.

    Of each defence how well it recognises and what the strongest attack on training faces
    recovered, by the judge and by the nearest neighbour; then each attack on each defence; tests of
    membership; and the floors and ceiling, which depend on no defence and are the control's.

    Args:
        found: the lines.
        control: label of the undefended recogniser.
    """
    on_training = [one for one in found if one.threat not in QUERIES]
    bounds = [one for one in found if one.defence == control]
    return [
        *_pooled(found, "recognition", DEFENCE),
        *_strongest(list(_pooled(on_training, "attack", DEFENCE, ATTACK))),
        *_pooled(found, "attack", DEFENCE, ATTACK),
        *_pooled(found, "membership", DEFENCE, TEST),
        *_pooled(bounds, "floor", FLOOR),
        *_pooled(bounds, "ceiling", CEILING),
    ]


def _pooled(found: Sequence[Found], kind: Kind, *places: str) -> Iterator[Figure]:
    """Each measure at each place of one kind of line."""
    rates: dict[tuple[tuple[str, ...], str], list[Rate]] = {}
    for one in (one for one in found if one.kind == kind):
        whole = {DEFENCE: one.defence, **dict.fromkeys((ATTACK, TEST, FLOOR, CEILING), one.what)}
        at = tuple(whole[place] for place in places)
        for measure, value in one.figures.items():
            rates.setdefault((at, measure), []).append(value)
    for (at, measure), some in rates.items():
        yield Figure(measure, pooled(measure, some), dict(zip(places, at, strict=True)))


def _strongest(attacks: Sequence[Figure]) -> Iterator[Figure]:
    """Of each defence, for each measure of what was given away, the attack with the highest mean.

    The same trials choose and are reported, so of attacks that are equally strong the luckiest is
    shown: an error at the defence's expense.
    """
    for defence in dict.fromkeys(figure.at[DEFENCE] for figure in attacks):
        for measure in GIVEN_AWAY:
            best = max(
                (one for one in attacks if one.at[DEFENCE] == defence and one.measure == measure),
                key=lambda one: one.value.mean,
            )
            at = {DEFENCE: defence}
            yield Figure(strongest_of(measure), best.value, at, note=best.at[ATTACK])
