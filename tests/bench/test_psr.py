"""PSR against the same figures worked out independently, and damage against another's measure."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from io import BytesIO
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from ssimulacra2 import compute_ssimulacra2
from tests.bench.conftest import made_up, write_people

from faceveil.bench.damage import MEASURES
from faceveil.bench.protocol import Items
from faceveil.bench.protocols.psr import VISIBLE, Psr
from faceveil.bench.protocols.robustness import Robustness
from faceveil.bench.run import carry_out
from faceveil.core.errors import UsageError
from faceveil.data.align import find_face
from faceveil.faces.detect import Detector
from faceveil.faces.patch import extract
from faceveil.io.photo import read
from faceveil.masks.registry import METHODS

Make = Callable[..., Psr]
Vectors = NDArray[np.float64]


def vectors(items: Items, arm: str, names: list[str], victim: str, treatment: str) -> Vectors:
    by_name = {item.task.name: item for item in items}
    rows = [by_name[arm, name].embeddings[victim, treatment].numpy() for name in names]
    return np.array(rows, float)


def names_of(people: range, photos: tuple[int, ...], lost: tuple[str, ...]) -> list[str]:
    names = [f"p{i:02d}/{k}.png" for i in people for k in photos]
    return [name for name in names if name not in lost]


@pytest.mark.parametrize("lost", [(), ("p01/2.png", "p02/1.png", "p05/0.png", "p06/2.png")])
def test_success_equals_an_independent_count(psr: Make, lost: tuple[str, ...]) -> None:
    protocol = psr(
        targets="3:4",
        distractors="4:6",  # they may be calibrated on too
        aims=("dodge", "impersonate"),
        treatments=("", "jpeg 50"),
        methods=("darken",),
        fars=(0.2, 0.05, 0.01),
    )
    plan = protocol.plan()
    items = made_up(plan, protocol.victims, lost=lost)
    probes = names_of(range(3), (2,), lost)
    searched = names_of(range(4), (0, 1), lost) + names_of(range(4, 6), (0, 1, 2), lost)
    known = names_of(range(4, 12), (0, 1, 2), lost)

    def bars(victim: str) -> dict[float, float]:
        """The cosine that must not be exceeded, by rate."""
        rows = vectors(items, "", known, victim, "as written")
        pairs = combinations(range(len(known)), 2)
        impostors = [rows[i] @ rows[j] for i, j in pairs if known[i][:3] != known[j][:3]]
        falling = sorted(impostors, reverse=True)
        return {far: falling[int(far * len(falling) + 1e-9)] for far in protocol.fars}

    def answers(arm: str, victim: str, treatment: str) -> dict[str, float]:
        rows = vectors(items, arm, probes, victim, treatment)
        cosines = rows @ vectors(items, "", searched, victim, "as written").T
        shown = np.array([name[:3] for name in searched])
        own = [row[shown == name[:3]].max() for row, name in zip(cosines, probes, strict=True)]
        other = cosines[:, shown == "p03"].max(1)
        found = {}
        for far, bar in bars(victim).items():
            found[f"PSR@{far:g}"] = np.mean(np.array(own) <= bar)
            found[f"taken for the target@{far:g}"] = np.mean(other > bar)
        first = shown[cosines.argmax(1)]
        found["Rank-1-UT"] = np.mean(
            [one != name[:3] for one, name in zip(first, probes, strict=True)]
        )
        found["cosine to the same person"] = np.mean(own)
        return found

    counted = 0
    for figure in plan.figures(items):
        at = dict(figure.at)
        treatment = at.pop("after", None)
        arm = ", ".join(f"{name} {value}" for name, value in at.items())
        assert figure.value.n == len(probes)
        if treatment is None:
            name = next(key for key, title in MEASURES.items() if title == figure.measure)
            damages = [
                item.damage[name]
                for item in items
                if item.task.name[0] == arm and item.task.picture.name in probes
            ]
            assert figure.value.mean == pytest.approx(np.mean(damages))
            continue
        veiled = answers(arm, at["left out"], treatment)
        clean = answers("", at["left out"], treatment)
        assert figure.value.mean == pytest.approx(veiled[figure.measure], abs=1e-6)
        assert figure.clean is not None
        assert figure.clean.mean == pytest.approx(clean[figure.measure], abs=1e-6)
        counted += 1
    assert counted == 2 * 2 * 2 * 8  # aims, victims, treatments, measures


def test_thresholds_come_from_the_people_to_calibrate_on_alone(psr: Make) -> None:
    protocol = psr(methods=("darken",), distractors="3:4", fars=(0.1, 0.2, 0.3, 0.5))
    plan = protocol.plan()
    usual = plan.figures(made_up(plan, protocol.victims))
    without = made_up(plan, protocol.victims, lost={"p03/0.png", "p03/1.png", "p03/2.png"})
    assert [one for one in plan.figures(without) if "PSR" in one.measure] == [
        one for one in usual if "PSR" in one.measure
    ]
    fewer = made_up(plan, protocol.victims, lost=names_of(range(4, 9), (0, 1, 2), ()))
    assert plan.figures(fewer) != usual


def test_a_users_own_thresholds_replace_the_calibration(
    psr: Make, recognisers: tuple[str, ...]
) -> None:
    ada, bob, _ = recognisers
    protocol = psr(
        thresholds={ada: -1.0, bob: 1.1}, fars=(0.01,), calibration="", methods=("darken",)
    )
    plan = protocol.plan()
    assert {task.picture.person for task in plan.tasks} == {"p00", "p01", "p02"}
    psrs = {
        figure.at["left out"]: figure.value.mean
        for figure in plan.figures(made_up(plan, protocol.victims))
        if figure.measure == "PSR@0.01"
    }
    assert psrs == {ada: 0.0, bob: 1.0}


def test_with_nobody_left_out_every_victim_judges_what_all_surrogates_made(
    psr: Make, recognisers: tuple[str, ...]
) -> None:
    protocol = psr(methods=("darken", "mim"), leave_out=False)
    plan = protocol.plan()
    arms = {task.arm.name: task.arm for task in plan.tasks if task.arm is not None}
    assert {arm.at["left out"] for arm in arms.values()} == {"nobody"}
    assert len(arms) == 2
    for arm in arms.values():
        assert arm.settings.run.surrogates == recognisers
    figures = plan.figures(made_up(plan, protocol.victims))
    victims = [figure.at["victim"] for figure in figures if figure.measure == "Rank-1-UT"]
    assert victims == 2 * list(protocol.victims)
    psr(methods=("darken",), leave_out=False, surrogates=recognisers[:1])  # one is enough now


def test_no_victim_is_a_surrogate_and_everybody_else_is(
    psr: Make, recognisers: tuple[str, ...]
) -> None:
    protocol = psr(
        methods=("all",),
        aims=("dodge", "impersonate"),
        targets="3:4",
        levels=(50, 70),
    )
    arms = {task.arm.name: task.arm for task in protocol.plan().tasks if task.arm is not None}
    assert len(arms) == len(METHODS) * 2 * 2 * 2
    for arm in arms.values():
        settings = arm.settings
        assert set(settings.run.surrogates) == set(recognisers) - {arm.at["left out"]}
        assert settings.run.held_out == ()
        impersonates = arm.at["aim"] == "impersonate"
        assert [one.name for one in arm.targets] == (["p03/2.png"] if impersonates else [])
        floor = settings.budget.ssimulacra2
        assert floor == float(arm.at["SSIMULACRA2"])
        kind = METHODS[arm.at["method"]]
        assert settings.budget == replace(
            kind.default_budget, ssimulacra2=floor, flip=None, spot=None
        )
        if arm.at["method"] != "mim":
            assert settings.run.goal == ("impersonate" if impersonates else kind.default_goal)


def test_nobody_is_protected_and_calibrated_on_at_once(psr: Make) -> None:
    plan = psr(methods=("darken",)).plan()
    probes = {task.picture.person for task in plan.tasks if task.arm is not None}
    assert probes == {"p00", "p01", "p02"}
    with pytest.raises(UsageError, match="psr: p02 cannot be protected and calibrated on at once"):
        psr(calibration="2:12").plan()


def test_robustness_is_the_same_after_what_the_world_does(psr: Make) -> None:
    protocol = Robustness(**{**vars(psr(methods=("darken",))), "treatments": Robustness.treatments})
    plan = protocol.plan()
    after = {
        figure.at["after"]
        for figure in plan.figures(made_up(plan, protocol.victims))
        if "after" in figure.at
    }
    assert len(after) == len(Robustness.treatments) == 12
    assert {"as written", "JPEG 75", "half size + JPEG 75", "screenshot at 80 %"} <= after


def test_files_need_not_be_judged_as_written(psr: Make, tmp_path: Path) -> None:
    protocol = psr(treatments=("jpeg 60",), methods=("darken",), levels=(), probes=":1")
    figures = carry_out(
        protocol, protocol.plan(), tmp_path, cache=tmp_path / "cache", n_processes=1
    )
    assert {figure.at["after"] for figure in figures if "after" in figure.at} == {"JPEG 60"}
    assert "as written" in (tmp_path / "results.jsonl").read_text()


def ssimulacra2_of_others(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> float:
    files = [BytesIO(), BytesIO()]
    for file, pixels in zip(files, (before, after), strict=True):
        Image.fromarray(pixels).save(file, "PNG")
    return float(compute_ssimulacra2(*files))


@pytest.mark.parametrize("floor", [50.0, 80.0])
def test_the_floor_holds_on_the_written_files_by_anothers_measure(
    psr: Make, tmp_path: Path, floor: float
) -> None:
    people = write_people(tmp_path / "people", 5, 2, side_px=240)
    protocol = psr(
        data=str(people),
        probes=":1",
        calibration="1:5",
        fars=(0.1,),
        victims=psr().victims[:1],
        methods=("mim", "darken", "blur"),
        levels=(floor,),
        settings={
            "mim": {
                "method": {"steps": 3, "alpha": 20.0},
                "budget": {"eps": 32.0},
                "run": {"goal": "dodge"},
            }
        },
    )
    run = tmp_path / "run"
    carry_out(
        protocol, protocol.plan(), run, cache=tmp_path / "cache", n_processes=1, keep_veiled=True
    )
    written = sorted((run / "veiled").rglob("*.png"))
    assert len(written) == 3
    for path in written:
        name = path.relative_to(path.parents[1])
        before, after = read(people / name), read(path)
        patch = extract(before.pixels, find_face(before, "aligned", no_detector()))
        rows, columns = (
            slice(side.start + start, side.stop + start)
            for side, start in zip(patch.face_crop, (patch.top, patch.left), strict=True)
        )
        found = ssimulacra2_of_others(before.pixels[rows, columns], after.pixels[rows, columns])
        assert floor - 0.01 <= found < floor + 6, path  # and nearly all of it is used


def no_detector() -> Detector:
    return object.__new__(Detector)


def test_the_floor_holds_on_a_face_the_detector_finds(
    psr: Make, tmp_path: Path, portrait_path: Path, recognisers: tuple[str, ...]
) -> None:
    folder = tmp_path / "people" / "eileen"
    folder.mkdir(parents=True)
    portrait = Image.open(portrait_path)
    portrait.crop((120, 0, 330, 230)).resize((294, 322)).save(folder / "probe.png")
    portrait.crop((120, 0, 330, 230)).save(folder / "other.png")
    Image.new("RGB", (200, 200), (90, 140, 200)).save(folder / "sky.png")
    ada, bob, _ = recognisers
    protocol = psr(
        data=str(tmp_path / "people"),
        alignment="detector",
        probes="eileen",
        calibration="",
        thresholds={ada: 0.9},
        fars=(0.01,),
        victims=(ada,),
        surrogates=(bob,),
        methods=("mim",),
        levels=(70,),
        settings={
            "mim": {
                "method": {"steps": 2, "alpha": 20.0},
                "budget": {"eps": 30.0},
                "run": {"goal": "dodge"},
            }
        },
        treatments=("", "blur 40"),
    )
    run = tmp_path / "run"
    figures = carry_out(
        protocol, protocol.plan(), run, cache=tmp_path / "cache", n_processes=1, keep_veiled=True
    )
    (written,) = (run / "veiled").rglob("probe.png")
    before, after = read(folder / "probe.png"), read(written)
    face = find_face(before, "detector", Detector.load())
    patch = extract(before.pixels, face)
    rows, columns = (
        slice(side.start + start, side.stop + start)
        for side, start in zip(patch.face_crop, (patch.top, patch.left), strict=True)
    )
    assert min(before.pixels[rows, columns].shape[:2]) >= 225  # the measure enlarges smaller ones
    found = ssimulacra2_of_others(before.pixels[rows, columns], after.pixels[rows, columns])
    assert 70 - 0.01 <= found < 73
    stated = next(one for one in figures if one.measure == MEASURES["ssimulacra2"])
    assert stated.value.mean == pytest.approx(found, abs=0.01)
    assert stated.value.n == 1
    assert '"fault": "No face was found in this picture."' in (run / "results.jsonl").read_text()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"aims": ()}, "psr: name an aim"),
        ({"aims": ("impersonate",)}, "psr: impersonation needs targets"),
        ({"thresholds": {"dlib": 0.9}}, "thresholds name one cosine for every victim"),
        ({"treatments": ()}, 'name a treatment; "" leaves files as written'),
        ({"treatments": ("jpg 75",)}, "'jpg 75' is no step"),
        ({"treatments": ("jpeg 0",)}, "jpeg takes a number from 1 to 100"),
        ({"treatments": ("median 4",)}, "median takes an odd number"),
        (
            {"fars": (0.01, 0.001)},
            "FAR 0.001 cannot be told from 252 impostor pairs of calibration",
        ),
        ({"fars": (1.0,)}, r"fars must be in \(0, 1\), not 1"),
        ({"fars": (0.0,)}, r"fars must be in \(0, 1\), not 0"),
        ({"calibration": "4:5"}, "FAR 0.1 cannot be told from 0 impostor pairs"),
        ({"calibration": ""}, "'' names nobody"),
        ({"levels": (50, 50)}, "Figures of 2 things"),
        ({"levels": (101,)}, "psr: levels must be at most 100, not 101"),
        ({"settings": {"mim": {"run": {"goal": "hide"}}}}, "goal"),
    ],
)
def test_what_makes_no_sense_is_refused_before_any_work(
    psr: Make, fields: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        psr(**fields).plan()


def test_a_victim_by_another_name_is_no_surrogate(
    psr: Make, recognisers: tuple[str, ...], tmp_path: Path
) -> None:
    ada, bob, eve = recognisers
    for file in Path(ada).parent.iterdir():
        shutil.copy(file, tmp_path)
    twin = str(tmp_path / Path(ada).name)
    protocol = psr(victims=(twin,), surrogates=(ada, bob), methods=("darken",))
    arms = [task.arm for task in protocol.plan().tasks if task.arm is not None]
    assert {arm.settings.run.surrogates for arm in arms} == {(bob,)}
    with pytest.raises(UsageError, match=r"psr: without .*ada.toml, the victim, there is no"):
        psr(victims=(twin, eve), surrogates=(ada,), methods=("darken",)).plan()


def test_a_victim_that_is_the_only_surrogate_is_refused(
    psr: Make, recognisers: tuple[str, ...]
) -> None:
    ada, bob, _ = recognisers
    with pytest.raises(UsageError, match=r"psr: without .*ada.toml, the victim, there is no"):
        psr(surrogates=(ada,), victims=(bob, ada)).plan()


def test_a_target_nobody_can_be_taken_for_any_more_is_a_sentence(psr: Make) -> None:
    protocol = psr(targets="3:4", methods=("darken",))
    plan = protocol.plan()
    items = made_up(plan, protocol.victims, lost={"p03/0.png", "p03/1.png"})
    with pytest.raises(UsageError, match="no face was found in any picture of p03"):
        plan.figures(items)


def test_what_is_seen_is_measured() -> None:
    assert {*VISIBLE} <= {*MEASURES}
