"""Plans without twins, items by place, and settings that nobody misspells unnoticed."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import torch
from tests.bench.conftest import made_up

from faceveil.app.settings import Settings
from faceveil.bench.cast import cast
from faceveil.bench.protocol import Items, Plan
from faceveil.bench.protocols.tip_im import TipIm
from faceveil.bench.task import Arm, Item, Task
from faceveil.core.errors import UsageError
from faceveil.data.open import open_pictures

Make = Callable[..., TipIm]


@pytest.fixture
def plan(tip_im: Make) -> Plan:
    return tip_im().plan()


@pytest.fixture
def arms(plan: Plan) -> list[Arm]:
    return list({task.arm.name: task.arm for task in plan.tasks if task.arm is not None}.values())


def test_a_plan_whose_figures_would_stand_in_one_place_is_refused(plan: Plan) -> None:
    with pytest.raises(
        UsageError, match=r"Figures of 2 things .* place of the tables, method darken"
    ):
        Plan([*plan.tasks, plan.tasks[-1]], plan.figures)


def test_settings_start_from_the_methods_own_and_what_is_fixed_wins(tip_im: Make) -> None:
    own = {
        "method": {"steps": 7, "alpha": 9.0},
        "budget": {"eps": 3.0},
        "views": {"shrink": [0.8, 1.0]},
        "run": {"pull": 2.0, "seed": 5, "surrogates": ["dlib"], "held_out": ["faceres"]},
    }
    protocol = tip_im(seed=4, settings={"mim": own, "pgd": {}})
    found = protocol.settings_of("mim", ["a", "b"], fixed={"method.alpha": 1.0})
    wanted = {
        "method": {"name": "mim", "steps": 7, "alpha": 1.0},
        "budget": {"eps": 3.0},
        "views": {"shrink": [0.8, 1.0]},
        "run": {"pull": 2.0, "seed": 5, "goal": "both", "surrogates": ["a", "b"], "held_out": []},
    }
    assert found == Settings.build(wanted)
    plain = protocol.settings_of("pgd", ["a"], fixed={})
    assert (plain.run.seed, plain.run.goal) == (4, "both")
    assert protocol.settings["mim"] is own
    assert own["run"]["surrogates"] == ["dlib"]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"mimm": {}}, "no method 'mimm'"),
        ({"mim": {"steps": {}}}, "unknown steps; there are the tables"),
        ({"mim": {"method": {"stepz": 1}}}, "stepz: there is no such field"),
        ({"mim": {"budget": {"eps": -1}}}, "budget: eps"),
        ({"mim": {"run": {"seeds": 1}}}, "seeds"),
    ],
)
def test_a_misspelt_setting_is_refused_before_any_work(
    tip_im: Make, settings: dict[str, dict[str, dict[str, int]]], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        tip_im(settings=settings).plan()


def test_victims_are_named_and_differ_and_data_is_named(tip_im: Make) -> None:
    for victims in ((), ("dlib", "dlib")):
        with pytest.raises(UsageError, match="tip-im: name one victim or several that differ"):
            tip_im(victims=victims)
    with pytest.raises(UsageError, match="tip-im: say what is measured on, for example --data"):
        tip_im(data="")


def test_items_are_found_by_arm_and_picture(plan: Plan, arms: list[Arm]) -> None:
    items = made_up(plan, ["v"])
    probes = [task.picture for task in plan.tasks if task.arm is arms[0]]
    assert [item.task.name for item in items.of(arms[0], probes)] == [
        (arms[0].name, probe.name) for probe in probes
    ]
    assert items.embeddings(arms[0], probes, "v").shape == (len(probes), 8)
    assert torch.equal(
        items.embeddings(None, probes[::-1], "v"), items.embeddings(None, probes, "v").flip(0)
    )
    with pytest.raises(UsageError, match="nothing to measure"):
        items.embeddings(None, [], "v")


def test_a_picture_is_usable_only_if_it_is_so_under_every_arm(plan: Plan, arms: list[Arm]) -> None:
    probes = [task.picture for task in plan.tasks if task.arm is arms[0]]
    items = [
        Item(task, fault="gone") if task.name == (arms[1].name, probes[0].name) else item
        for task, item in zip(plan.tasks, made_up(plan, ["v"]), strict=True)
    ]
    assert Items(items).usable(probes) == probes
    assert Items(items).usable(probes, arms[:1]) == probes
    assert Items(items).usable(probes, arms) == probes[1:]


def test_probes_whose_people_left_the_gallery_are_left_out(tip_im: Make) -> None:
    protocol = tip_im()
    plan = protocol.plan()
    parts = cast(open_pictures(protocol.data), probes=":2", targets="2:4", distractors="4:5")
    arms = list({task.arm.name: task.arm for task in plan.tasks if task.arm is not None}.values())
    lost = {"p00/0.png", "p00/1.png", "p01/0.png", "p03/1.png"}
    seen = made_up(plan, ["v"], lost=lost).seen(parts, arms)
    assert [picture.name for picture in seen.probes] == ["p01/2.png"]
    assert {picture.name for picture in seen.gallery} == {
        picture.name for picture in parts.gallery
    } - lost
    assert seen.targets == parts.targets
    with pytest.raises(UsageError, match="No face was found in any of the probes"):
        made_up(plan, ["v"], lost={*lost, "p01/2.png"}).seen(parts, arms)


def test_a_record_holds_the_greatest_cosine_to_another_picture_of_the_person(
    plan: Plan, arms: list[Arm]
) -> None:
    items = made_up(plan, ["v"], lost={"p01/0.png", "p01/1.png"})
    by_name = {item.task.name: item for item in items}
    veiled = by_name[arms[0].name, "p00/2.png"]
    ours = veiled.embeddings["v", "as written"].double()
    others = [by_name["", f"p00/{i}.png"].embeddings["v", "as written"].double() for i in (0, 1)]
    record = items.record(veiled)
    assert record["cosine"]["v"]["as written"] == pytest.approx(
        max(float(ours @ other) for other in others), abs=1e-5
    )
    assert record["person"] == "p00"
    assert record["arm"] == arms[0].name
    assert set(record["damage"]) == set(veiled.damage)
    alone = items.record(by_name[arms[0].name, "p01/2.png"])
    assert alone["cosine"]["v"]["as written"] is None
    fault = items.record(by_name["", "p01/0.png"])
    assert fault["fault"] == "No face was found in this picture."
    assert fault["cosine"] == fault["damage"] == {}
    assert json.loads(json.dumps([record, alone, fault])) == [record, alone, fault]


def test_pictures_of_nobody_in_particular_are_nobodys_others(plan: Plan) -> None:
    from dataclasses import replace

    items = [
        replace(item, task=Task(replace(item.task.picture, person="")))
        for item in made_up(plan, ["v"])
        if item.task.arm is None
    ]
    record = Items(items).record(items[0])
    assert record["cosine"]["v"]["as written"] is None
