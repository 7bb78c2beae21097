"""An audit is gone on with wherever it stopped, and nothing finished is done again.

Training and attacks are made up here; ``tests/cli/test_audit.py`` carries out real ones.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from tests.bench.conftest import write_people

from faceveil.app import invert, train
from faceveil.app.invert import Request
from faceveil.bench.audit.protocol import Inversion
from faceveil.bench.audit.run import carry_out
from faceveil.bench.finished import read_run
from faceveil.core.errors import ModelError, UsageError
from faceveil.training.recipe import RECIPE, Recipe

RATE = {"mean": 0.5, "n": 2, "low": 0.0, "high": 1.0}


@dataclass
class World:
    """Trains and attacks at once, and stops where told to."""

    done: list[str] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    stop_at: str = ""
    error: BaseException = field(default_factory=KeyboardInterrupt)

    def train(self, recipe: Recipe, folder: Path, **_: Any) -> None:
        self._do(f"train {recipe.name} {recipe.seed}")
        self._write(folder / train.FIGURES, {"photos/rank-1": RATE})
        (folder / RECIPE).write_text(tomli_w.dumps(recipe.plain()))

    def invert(self, request: Request, folder: Path, **_: Any) -> None:
        case = Path(request.model).parent.name
        self.requests.append(request)
        self._do(f"attack {case}")
        figures = {"Acc@1": RATE, "NN@1": RATE}
        outcomes = [
            {"title": one.name, "victim": case[:-2], "threat": one.threat, "figures": figures}
            for one in request.attacks
        ]
        record = {"judge": "mobilefacenet", "outcomes": outcomes, "left_out": {}}
        self._write(folder / invert.FIGURES, record)

    def _do(self, what: str) -> None:
        if what == self.stop_at:
            raise self.error
        self.done.append(what)

    def _write(self, path: Path, value: Any) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(value))


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    made = World()
    monkeypatch.setattr(train, "train", made.train)
    monkeypatch.setattr(invert, "invert", made.invert)
    return made


@pytest.fixture(scope="session")
def blots(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_people(tmp_path_factory.mktemp("audit"), 4, 2, side_px=16)


@pytest.fixture
def audit(blots: Path) -> Callable[..., Inversion]:
    """``audit(field=value)``: two defences with two seeds, for the faces of two people."""

    def make(**fields: Any) -> Inversion:
        recipe = {"data": str(blots), "alignment": "aligned", "size_px": 16}
        usual: dict[str, Any] = {
            "defences": {"none": {}, "ahm": {"defence": {"name": "ahm"}}},
            "recipe": {**recipe, "held_out_people": "2:4"},
            "seeds": (0, 1),
        }
        return Inversion(**{**usual, **fields})

    return make


Make = Callable[..., Inversion]
ALL = [
    *(f"train {name} {seed}" for seed in (0, 1) for name in ("none", "ahm")),
    *(f"attack {name}-{seed}" for seed in (0, 1) for name in ("none", "ahm")),
]


def carry(audit: Inversion, folder: Path) -> list[Any]:
    return carry_out(audit, folder, n_processes=1)


def results(folder: Path) -> dict[str, bytes]:
    names = ("protocol.toml", "environment.json", "results.jsonl", "figures.json")
    return {name: (folder / name).read_bytes() for name in names}


def test_all_is_trained_then_attacked_and_read_back(
    world: World, audit: Make, tmp_path: Path
) -> None:
    figures = carry(audit(), tmp_path / "run")
    assert world.done == ALL
    finished = read_run(tmp_path / "run")
    assert list(finished.figures) == figures
    assert len(finished.found) == 8
    assert len(finished.seconds) == 8
    assert finished.lines == ()
    assert finished.command == "faceveil bench inversion --config protocol.toml -o RUN"
    assert {path.stem for path in (tmp_path / "run" / "private").iterdir()} == {"p00", "p01"}
    for request in world.requests:
        assert request.untrained == ("none" in request.model)
        assert request.seed == int(Path(request.model).parent.name[-1])


@pytest.mark.parametrize("stop_at", [ALL[0], ALL[2], ALL[4], ALL[7]])
def test_it_goes_on_where_it_stopped(
    world: World, audit: Make, tmp_path: Path, stop_at: str
) -> None:
    world.stop_at = stop_at
    with pytest.raises(KeyboardInterrupt):
        carry(audit(), tmp_path / "run")
    with (tmp_path / "run" / "timings.jsonl").open("a") as file:
        file.write('{"torn')
    world.stop_at = ""
    figures = carry(audit(), tmp_path / "run")
    assert world.done == ALL  # each once
    assert len(read_run(tmp_path / "run").seconds) == 8
    assert carry(audit(), tmp_path / "run") == figures
    assert world.done == ALL
    carry(audit(), tmp_path / "whole")
    assert results(tmp_path / "whole") == results(tmp_path / "run")


def test_faces_are_cut_out_before_two_processes_could_do_it_at_once(
    world: World, audit: Make, tmp_path: Path
) -> None:
    public = write_people(tmp_path / "public", 2, 2, side_px=16, seed=1)
    carry(audit(public=str(public)), tmp_path / "run")
    for place in ("crops", "shared/public"):
        assert (tmp_path / "run" / place / "crops.u8").stat().st_size > 0
    assert {request.public for request in world.requests} == {str(public)}


def test_other_code_does_not_go_on_with_a_run(world: World, audit: Make, tmp_path: Path) -> None:
    world.stop_at = ALL[3]
    with pytest.raises(KeyboardInterrupt):
        carry(audit(), tmp_path / "run")
    world.stop_at = ""
    (tmp_path / "run" / "code.txt").write_text("of last year")
    with pytest.raises(UsageError, match="begun by another faceveil or other libraries"):
        carry(audit(), tmp_path / "run")


def test_a_case_of_another_recipe_is_not_taken_for_finished(
    world: World, audit: Make, tmp_path: Path
) -> None:
    world.stop_at = ALL[5]
    with pytest.raises(KeyboardInterrupt):
        carry(audit(), tmp_path / "run")
    world.stop_at = ""
    recipe = tmp_path / "run" / "cases" / "ahm-1" / "trained" / RECIPE
    recipe.write_text(recipe.read_text().replace("epochs = 20", "epochs = 21"))
    with pytest.raises(UsageError, match=r"ahm, seed 1: .* was trained by another recipe"):
        carry(audit(), tmp_path / "run")


def test_an_error_says_which_recogniser_it_is_of(world: World, audit: Make, tmp_path: Path) -> None:
    world.stop_at, world.error = "train ahm 1", ModelError("The loss is no number.")
    with pytest.raises(ModelError, match=r"^ahm, seed 1: The loss is no number\.$"):
        carry(audit(), tmp_path / "run")


def test_what_does_not_fit_is_said_before_anything_is_trained(
    world: World, audit: Make, tmp_path: Path
) -> None:
    carry(audit(), tmp_path / "run")
    world.done.clear()
    with pytest.raises(UsageError, match="of other settings: name a new folder"):
        carry(audit(seeds=(0,)), tmp_path / "run")
    for fields, said in (
        ({"people": "p03"}, "'p03' names nobody here"),
        ({"attacks": ("magic",)}, "no attack 'magic'"),
        ({"recipe": {"data": "gone"}}, "gone holds no pictures"),
    ):
        with pytest.raises(UsageError, match=said):
            carry(audit(**fields), tmp_path / said)
    assert world.done == []
