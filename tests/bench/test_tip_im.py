"""TIP-IM's protocol against the same figures worked out independently."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.bench.conftest import QUICK, made_up

from faceveil.bench.damage import MEASURES
from faceveil.bench.protocol import Items
from faceveil.bench.protocols.tip_im import VISIBLE, Reported, TipIm
from faceveil.core.errors import UsageError

Make = Callable[..., TipIm]
FOUR = {"probes": ":4", "targets": "4:6", "distractors": "6:9"}


def matrix(items: Items, names: list[tuple[str, str]], victim: str) -> NDArray[np.float64]:
    by_name = {item.task.name: item for item in items}
    return np.array(
        [by_name[name].embeddings[victim, "as written"].numpy() for name in names], float
    )


@pytest.mark.parametrize("lost", [(), ("p01/2.png", "p04/0.png", "p02/0.png", "p02/1.png")])
def test_ranks_equal_an_independent_count(tip_im: Make, lost: tuple[str, ...]) -> None:
    protocol = tip_im(**FOUR)
    plan = protocol.plan()
    items = made_up(plan, protocol.victims, lost=lost)
    probes = [f"p{i:02d}/2.png" for i in range(4)]
    searched = [f"p{i:02d}/{k}.png" for i in range(6) for k in (0, 1)]
    searched += [f"p{i:02d}/{k}.png" for i in range(6, 9) for k in (0, 1, 2)]
    searched = [name for name in searched if name not in lost]
    shown = [name[:3] for name in searched]
    probes = [name for name in probes if name not in lost and name[:3] in shown]
    assert len(probes) == (2 if lost else 4)
    arm_names = list(dict.fromkeys(task.name[0] for task in plan.tasks if task.arm is not None))

    def ranks(arm: str, victim: str) -> dict[str, float]:
        rows = matrix(items, [(arm, name) for name in probes], victim)
        cosines = rows @ matrix(items, [("", name) for name in searched], victim).T
        best = np.argsort(-cosines, axis=1)
        top = [[shown[column] for column in row] for row in best]
        mine = [name[:3] for name in probes]
        rates = {}
        for n in (1, 5):
            hit = [bool({"p04", "p05"} & set(row[:n])) for row in top]
            safe = [person not in row[:n] for person, row in zip(mine, top, strict=True)]
            rates[f"Rank-{n}-T"], rates[f"Rank-{n}-UT"] = float(np.mean(hit)), float(np.mean(safe))
        return rates

    figures = plan.figures(items)
    seen = set()
    for figure in figures:
        if not figure.measure.startswith("Rank"):
            continue
        at = dict(figure.at)
        victim = at.pop("victim")
        arm = ", ".join(f"{name} {value}" for name, value in at.items())
        assert arm in arm_names
        assert figure.value.mean == ranks(arm, victim)[figure.measure]
        assert figure.clean is not None
        assert figure.clean.mean == ranks("", victim)[figure.measure]
        assert figure.value.n == figure.clean.n == len(probes)
        assert figure.value.low <= figure.value.mean <= figure.value.high
        seen.add((arm, victim, figure.measure))
    assert len(seen) == len(arm_names) * 2 * 4
    for name in VISIBLE:
        for figure in (one for one in figures if one.measure == MEASURES[name]):
            arm = ", ".join(f"{name} {value}" for name, value in figure.at.items())
            damages = [item.damage[name] for item in items if item.task.name[0] == arm
                       and item.task.picture.name in probes]  # fmt: skip
            assert figure.value.mean == pytest.approx(np.mean(damages))
            assert figure.value.n == len(probes)


def test_the_made_up_figures_are_no_constants(tip_im: Make) -> None:
    protocol = tip_im(**FOUR)
    plan = protocol.plan()
    figures = plan.figures(made_up(plan, protocol.victims))
    assert len({figure.value.mean for figure in figures if "Rank" in figure.measure}) > 3


def test_every_surrogate_gamma_and_batch_is_an_arm_of_its_own(
    tip_im: Make, recognisers: tuple[str, ...]
) -> None:
    protocol = tip_im(
        methods=("tip-im", "center-opt", "mim"),
        gammas=(0.0, 0.007),
        batches=(1, 50),
        surrogates=recognisers[:2],
        settings={"mim": QUICK, "tip-im": {"method": {"objective": "code", "gamma": 9.0}}},
        seed=3,
    )
    arms = {task.arm.name: task.arm for task in protocol.plan().tasks if task.arm is not None}
    places = {tuple(sorted(arm.at.items())) for arm in arms.values()}
    assert len(arms) == len(places) == 2 * (4 + 4 + 1)
    for arm in arms.values():
        run = arm.settings.run
        assert run.surrogates == (arm.at["surrogate"],)
        assert run.held_out == ()
        assert run.seed == 3
        assert [picture.name for picture in arm.targets] == ["p02/2.png", "p03/2.png"]
        if arm.at["method"] == "mim":
            assert set(arm.at) == {"method", "surrogate"}
            assert run.goal == "dodge"
            continue
        assert run.goal == "both"
        method = arm.settings.plain()["method"]
        assert (method["gamma"], method["mmd_batch"]) == (float(arm.at["gamma"]), int(arm.at["N"]))
        assert method["objective"] == ("code" if arm.at["method"] == "tip-im" else "paper")


def test_what_was_reported_stands_beside_its_counterpart_and_nowhere_else(
    tip_im: Make, recognisers: tuple[str, ...]
) -> None:
    ada, bob, _ = recognisers
    protocol = tip_im(
        methods=("tip-im", "center-opt", "mim"),
        gammas=(0.0, 0.1),
        surrogates=(ada, bob),
        counterparts={ada: "ArcFace", bob: "CosFace"},
        reported=(
            Reported("Rank-1-T", "ArcFace", 0.1, {"ArcFace": 0.98, "SphereFace": 0.5}),
            Reported("Rank-5-UT", "CosFace", 0.0, {"ArcFace": 0.04, "CosFace": 0.88}),
        ),
    )
    plan = protocol.plan()
    reported = {
        (figure.measure, *figure.at.values()): figure.reported
        for figure in plan.figures(made_up(plan, protocol.victims))
        if figure.reported is not None
    }
    assert reported == {
        ("Rank-1-T", "tip-im", ada, "0.1", "1", ada): 0.98,
        ("Rank-5-UT", "tip-im", bob, "0", "1", ada): 0.04,
        ("Rank-5-UT", "tip-im", bob, "0", "1", bob): 0.88,
    }


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"targets": "1:3"}, "p01 can only play one part"),
        (
            {"probes": ":1", "targets": "", "distractors": ""},
            "Rank-5 means nothing in a gallery of 2",
        ),
        ({"gammas": (0.1, 0.1), "methods": ("tip-im",)}, "Figures of 2 things"),
        ({"gammas": (1.0, 1.0000001), "methods": ("tip-im",)}, "Figures of 2 things"),
        ({"methods": ()}, "Name a method"),
        ({"methods": ("magic",)}, "no method 'magic'"),
        ({"data": "nowhere"}, "nowhere holds no pictures by person"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(
    tip_im: Make, fields: dict[str, object], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        tip_im(**fields).plan()
