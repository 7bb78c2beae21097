"""The models one run needs, and the folder of people to be taken for."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from faceveil.app.engine import Engine, resolve
from faceveil.app.settings import Run
from faceveil.core.errors import NoFaceError, UsageError
from faceveil.core.goal import Dodge, Impersonate
from faceveil.recognisers import zoo

ONE = Run(surrogates=("mobilefacenet",), held_out=("dlib",))


@pytest.fixture
def people(tmp_path: Path, portrait_path: Path) -> Path:
    folder = tmp_path / "people"
    (folder / "eileen").mkdir(parents=True)
    shutil.copy(portrait_path, folder / "eileen" / "one.png")
    return folder


def test_without_targets_the_decoys_are_meant() -> None:
    engine = Engine.load(ONE, device="cpu")
    targets = engine.goal.targets
    assert targets is not None
    assert targets["mobilefacenet"].shape == (10, 192)
    norms = targets["mobilefacenet"].norm(dim=1)
    torch.testing.assert_close(norms, torch.ones(10))
    assert [(one.name, role) for one, role in engine.judges] == [
        ("dlib", "held out"),
        ("mobilefacenet", "surrogate"),
    ]


def test_a_recogniser_by_another_name_cannot_be_held_out() -> None:
    run = Run(surrogates=("dlib",), held_out=(str(zoo.BUNDLED / "dlib.toml"),))
    with pytest.raises(UsageError, match="dlib cannot be held out: the same network"):
        Engine.load(run, device="cpu")


def test_targets_come_from_photos(people: Path) -> None:
    run = Run(surrogates=("mobilefacenet",), held_out=(), targets=people, goal="impersonate")
    goal = Engine.load(run, device="cpu").goal
    assert isinstance(goal, Impersonate)
    assert goal.targets["mobilefacenet"].shape == (1, 192)


def test_dodging_needs_no_targets(people: Path) -> None:
    run = Run(surrogates=("mobilefacenet",), held_out=(), goal="dodge", targets=people / "none")
    assert Engine.load(run, device="cpu").goal == Dodge()


def test_a_target_without_a_face_is_named(people: Path) -> None:
    Image.new("RGB", (90, 90), (40, 90, 160)).save(people / "sky.png")
    run = Run(surrogates=("mobilefacenet",), held_out=(), targets=people)
    with pytest.raises(NoFaceError, match=r"sky\.png"):
        Engine.load(run, device="cpu")


def test_an_empty_folder_of_targets_is_named(tmp_path: Path) -> None:
    (tmp_path / "void").mkdir()
    run = Run(surrogates=("mobilefacenet",), held_out=(), targets=tmp_path / "void")
    with pytest.raises(UsageError, match="void"):
        Engine.load(run, device="cpu")


def test_devices() -> None:
    assert resolve("cpu") == "cpu"
    assert resolve("auto") in ("cpu", "cuda", "mps")
    with pytest.raises(UsageError, match="abacus"):
        resolve("abacus")
    if not torch.cuda.is_available():
        with pytest.raises(UsageError, match="no cuda device"):
            resolve("cuda")
