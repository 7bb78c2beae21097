"""What every registered protocol must do, whatever it measures."""

from __future__ import annotations

import dataclasses
import inspect
import json
import pickle
import random
import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from jaxtyping import Float
from PIL import Image
from tests.bench.conftest import entries, made_up, people, recognisers
from torch import Tensor

from faceveil.bench import run as running
from faceveil.bench.adaptation import Knowing, Unknowing
from faceveil.bench.figure import Figure
from faceveil.bench.models import Models
from faceveil.bench.protocol import Comparison, Protocol
from faceveil.bench.protocols.psr import Psr
from faceveil.bench.registry import PROTOCOLS
from faceveil.bench.run import carry_out
from faceveil.core import config
from faceveil.core.errors import NoFaceError, UsageError
from faceveil.faces.detect import Detector
from faceveil.io.photo import Photo
from faceveil.masks.method import Method
from faceveil.masks.problem import Problem
from faceveil.masks.registry import METHODS
from faceveil.measures import rate as measured

__all__ = ["people", "recognisers"]  # fixtures

NO_DECOYS = {"run": {"goal": "dodge"}}


@dataclasses.dataclass(frozen=True)
class Toy(Method):
    """Stripes."""

    name: ClassVar[str] = "toy"
    summary: ClassVar[str] = "stripes"

    def masks(self, problem: Problem) -> Float[Tensor, "b 3 w w"]:
        masks = torch.full_like(problem.pixels, problem.eps)
        masks[..., ::2] *= -1
        return masks


@pytest.fixture(scope="session")
def pairs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve pairs in a .bin file."""
    draw = np.random.default_rng(0)
    encoded = []
    for _ in range(24):
        blots = Image.fromarray(draw.integers(0, 256, (6, 6, 3), np.uint8))
        stream = BytesIO()
        blots.resize((64, 64)).save(stream, "JPEG")
        encoded.append(stream.getvalue())
    path = tmp_path_factory.mktemp("pairs") / "pairs.bin"
    path.write_bytes(pickle.dumps((encoded, [i % 2 == 0 for i in range(12)])))
    return path


@pytest.fixture(params=list(PROTOCOLS))
def protocol(
    request: pytest.FixtureRequest, people: Path, pairs: Path, recognisers: tuple[str, ...]
) -> Protocol:
    """The smallest run of it that means something."""
    kind = PROTOCOLS[request.param]
    quick: dict[str, Any] = {
        "probes": ":2",
        "targets": "2:3",
        "distractors": "3:4",
        "calibration": "4:10",
        "people": ":6",
        "fars": (0.1,),
        "surrogates": recognisers[1:],
        "methods": ("toy",),
        "settings": {"toy": NO_DECOYS},
        "levels": (10.0,),
        "treatments": ("", "jpeg 75"),
        "adaptations": (
            Unknowing(kind="unknowing", people="10:12", steps=2, batch=2),
            Knowing(kind="knowing", people="10:12", steps=2, batch=2),
        ),
    }
    names = {field.name for field in dataclasses.fields(kind)}
    return kind(
        data=str(pairs if kind.name == "verification" else people),
        victims=recognisers[:2],
        alignment="aligned",
        **{name: value for name, value in quick.items() if name in names},
    )


@pytest.fixture(autouse=True)
def _toy_is_registered_and_no_detector_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(METHODS, "toy", Toy)
    monkeypatch.setattr(Models, "detector", object.__new__(Detector))


@pytest.fixture
def run(tmp_path: Path) -> Callable[..., list[Figure]]:
    def carry(name: str, protocol: Protocol, cache: str = "cache") -> list[Figure]:
        return carry_out(
            protocol, protocol.plan(), tmp_path / name, cache=tmp_path / cache, n_processes=1
        )

    return carry


Run = Callable[..., list[Figure]]


def test_its_fields_are_its_configuration(protocol: Protocol) -> None:
    kind = type(protocol)
    assert PROTOCOLS[kind.name] is kind
    assert kind.summary.endswith(".")
    documented = " ".join(inspect.getdoc(one) or "" for one in kind.__mro__)
    for field in dataclasses.fields(kind):
        assert field.name in documented, field.name
    for one in (protocol, kind(data="somewhere")):
        text = config.write(one)
        again = config.build(kind, tomllib.loads(text), where=kind.name)
        assert again == one
        assert config.write(again) == text  # else a run could not be gone on with from its file
    with pytest.raises(
        UsageError, match=f"{kind.name}: colour_of_the_moon: there is no such field"
    ):
        config.build(kind, {"colour_of_the_moon": 1}, where=kind.name)
    with pytest.raises(UsageError, match=f"{kind.name}: say what is measured on"):
        kind()


def test_a_plan_names_every_task_once_and_everybody_clean(protocol: Protocol) -> None:
    plan = protocol.plan()
    names = [task.name for task in plan.tasks]
    assert len(set(names)) == len(names)
    assert [task.name for task in protocol.plan().tasks] == names
    clean = {picture for arm, picture in names if not arm}
    assert {picture for _, picture in names} == clean  # the baseline of every figure


def test_every_run_writes_the_same_lines_and_works_nothing_out_twice(
    protocol: Protocol, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = running.each

    def shuffled(tasks: Sequence[Any], *rest: Any, **options: Any) -> Iterator[Any]:
        return usual(random.Random(1).sample(tasks, len(tasks)), *rest, **options)

    figures = run("one", protocol)
    lines = (tmp_path / "one" / "results.jsonl").read_text().splitlines()
    assert [(line["arm"], line["picture"]) for line in map(json.loads, lines)] == [
        task.name for task in protocol.plan().tasks
    ]
    known = entries(tmp_path / "cache")
    assert run("one", protocol) == figures
    assert entries(tmp_path / "cache") == known
    monkeypatch.setattr(running, "each", shuffled)
    assert run("two", protocol, "other") == figures
    assert entries(tmp_path / "other").keys() == known.keys()
    for name in ("results.jsonl", "figures.json", "protocol.toml"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_figures_state_how_many_and_how_sure_and_the_seed_changes_that_alone(
    protocol: Protocol, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds: list[int] = []

    def derive(seed: int, *parts: str) -> int:
        seeds.append(seed)
        return len(parts)

    monkeypatch.setattr(measured, "derive", derive)
    protocol = replace(protocol, seed=7)
    plan = protocol.plan()
    figures = plan.figures(made_up(plan, protocol.victims))
    assert figures
    places = [(figure.measure, *figure.at.items()) for figure in figures]
    assert len(set(places)) == len(places)
    for figure in figures:
        value = figure.value
        assert value.n > 0
        assert value.low <= value.mean + 1e-9
        assert value.mean <= value.high + 1e-9
    assert set(seeds) == {7}


def test_a_toy_method_shows_up_wherever_methods_are_compared(protocol: Protocol) -> None:
    if not isinstance(protocol, Comparison):
        assert "methods" not in {field.name for field in dataclasses.fields(protocol)}
        return
    plan = protocol.plan()
    figures = plan.figures(made_up(plan, protocol.victims))
    assert {figure.at["method"] for figure in figures} == {"toy"}
    protected = [figure for figure in figures if "victim" in figure.at or "after" in figure.at]
    assert protected
    assert all(figure.clean is not None for figure in protected)
    everything = replace(protocol, methods=("all",)).plan()
    arms = {task.arm.at["method"] for task in everything.tasks if task.arm is not None}
    assert arms == set(METHODS)
    assert "toy" in {
        figure.at["method"] for figure in everything.figures(made_up(everything, protocol.victims))
    }


@pytest.mark.slow
def test_every_method_there_is_can_be_run(
    people: Path, recognisers: tuple[str, ...], run: Run
) -> None:
    quick = {
        name: {"method": {"steps": 1} if "steps" in kind.__dataclass_fields__ else {}, **NO_DECOYS}
        for name, kind in METHODS.items()
    }
    figures = run(
        "one",
        Psr(
            data=str(people),
            alignment="aligned",
            probes=":1",
            calibration="4:10",
            fars=(0.1,),
            victims=recognisers[:1],
            surrogates=recognisers,
            methods=("all",),
            settings=quick,
        ),
    )
    psrs = {
        (one.at["method"], one.at["SSIMULACRA2"]) for one in figures if one.measure == "PSR@0.1"
    }
    assert psrs == {(name, level) for name in METHODS for level in ("50", "70")}
    assert "toy" in METHODS


def test_a_picture_without_a_face_is_left_out_with_its_reason_and_counted(
    protocol: Protocol, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = protocol.plan()
    whole = plan.figures(made_up(plan, protocol.victims))
    veiled = [task.picture.name for task in plan.tasks if task.arm is not None]
    lost = veiled[0] if veiled else plan.tasks[0].picture.name
    usual = Models.face

    def face(self: Models, photo: Photo) -> Any:
        if photo.name.endswith(lost) or photo.name.endswith(f"picture {lost.lstrip('0') or 0}"):
            raise NoFaceError("nobody there")
        return usual(self, photo)

    monkeypatch.setattr(Models, "face", face)
    figures = run("one", protocol)
    lines = (tmp_path / "one" / "results.jsonl").read_text().splitlines()
    faults = [line for line in map(json.loads, lines) if line["fault"] is not None]
    assert {line["picture"] for line in faults} == {lost}
    assert {line["fault"] for line in faults} == {"No face was found in this picture."}
    assert len(lines) == len(plan.tasks)
    before = {(figure.measure, *figure.at.items()): figure.value.n for figure in whole}
    others = {"faces found", *(("TAR@0.1",) if veiled else ())}  # of people who are not veiled
    for figure in figures:
        fewer = figure.value.n < before[(figure.measure, *figure.at.items())]
        assert fewer or figure.measure in others


def test_no_face_at_all_is_a_sentence(protocol: Protocol) -> None:
    plan = protocol.plan()
    nothing = made_up(plan, protocol.victims, lost={task.picture.name for task in plan.tasks})
    with pytest.raises(UsageError, match="face was found"):
        plan.figures(nothing)


def test_figures_survive_the_order_of_tasks(protocol: Protocol) -> None:
    plan = protocol.plan()
    mixed = replace(plan, tasks=random.Random(2).sample(plan.tasks, len(plan.tasks)))
    assert plan.figures(made_up(plan, protocol.victims)) == plan.figures(
        made_up(mixed, protocol.victims)
    )


def test_missing_data_is_a_sentence_that_names_it(protocol: Protocol, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="nowhere holds no"):
        replace(protocol, data=str(tmp_path / "nowhere")).plan()
