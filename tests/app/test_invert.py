"""Inversion as a use-case: gone on with, the same for some people as for all, and never confused.

The recogniser is trained for a moment on people who are blots.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from tests.bench.conftest import write_people

from faceveil.app.invert import FIGURES, SHEET, Inverted, Request, invert
from faceveil.app.train import train, unseen
from faceveil.core.errors import UsageError
from faceveil.inversion import pose
from faceveil.inversion.registry import chosen
from faceveil.training.backbones.mobilefacenet import MobileFaceNet
from faceveil.training.recipe import Recipe

FEW = ("eigenfaces.steps=2", "eigenfaces.searches=1", "mi-face.steps=2", "centre.steps=2")


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Six people trained on, six held out."""
    folder = tmp_path_factory.mktemp("trained")
    write_people(folder / "people", 12, 4)
    recipe = Recipe(
        data=str(folder / "people"),
        alignment="aligned",
        size_px=16,
        epochs=1,
        batch=8,
        held_out_people="6:12",
        held_out_photos=2,
        backbone=MobileFaceNet(8),
    )
    train(recipe, folder / "run", resume=False, bar=unseen)
    return folder / "run"


def ask(run: Path, *attacks: str, settings: Sequence[str] | None = None) -> Request:
    names = attacks or ("eigenfaces",)
    few = [one for one in FEW if one.split(".")[0] in names] if settings is None else settings
    return Request(str(run), chosen(names, few), people=":2")


def pictures(folder: Path, attack: str) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted((folder / attack).glob("*.png"))}


def do(request: Request, folder: Path) -> Inverted:
    return invert(request, folder, bar=unseen)


def test_it_leaves_pictures_a_sheet_and_figures_with_floors(run: Path, tmp_path: Path) -> None:
    request = ask(run, "eigenfaces", "membership", "query-recovery",
                  settings=[*FEW[:2], "query-recovery.steps=2"])  # fmt: skip
    done = do(request, tmp_path / "out")
    titles = [(one.title, one.victim, one.threat) for one in done.outcomes]
    assert titles == [
        ("eigenfaces", "mine", "white-box"),
        ("eigenfaces", "mine-untrained", "white-box"),
        ("membership", "mine", "white-box"),
        ("query-recovery", "mine", "masked queries"),
        ("mean public face", "", "floor"),
        ("random public face", "", "floor"),
        ("held-out photos", "", "ceiling"),
    ]
    first = done.outcomes[0].figures
    measures = {"Acc@1", "Acc@5", "NN@1", "cosine", "distance", "verified", "SSIM", "PSNR"}
    assert set(first) == measures
    assert first["Acc@1"].n == 2
    assert set(done.outcomes[2].figures) == {"AUC"}
    assert done.judge == "mobilefacenet"
    record = json.loads((tmp_path / "out" / FIGURES).read_text())
    assert record["outcomes"][0]["figures"]["Acc@1"]["n"] == 2
    assert record["attacks"]["eigenfaces"]["steps"] == 2
    assert set(pictures(tmp_path / "out", "eigenfaces")) == {"p00.png", "p01.png"}
    assert set(pictures(tmp_path / "out" / "untrained", "eigenfaces")) == {"p00.png", "p01.png"}
    page = np.asarray(Image.open(tmp_path / "out" / SHEET))
    assert page.shape[0] == 3 * 112  # the private photo, and two attacks on the trained victim


def test_it_goes_on_where_it_stopped_and_some_people_are_as_among_all(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(ask(run), untrained=False)
    attacked = []
    real = pose.Problem

    def noted(*args: object) -> object:
        attacked.append(args[1])
        if len(attacked) == 2:
            raise KeyboardInterrupt
        return real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(pose, "Problem", noted)
    with pytest.raises(KeyboardInterrupt):
        do(request, tmp_path / "stopped")
    assert list(pictures(tmp_path / "stopped", "eigenfaces")) == ["p00.png"]
    monkeypatch.undo()
    resumed = do(request, tmp_path / "stopped")
    whole = do(replace(request, people=":"), tmp_path / "whole")
    both = pictures(tmp_path / "stopped", "eigenfaces")
    assert both.items() <= pictures(tmp_path / "whole", "eigenfaces").items()
    assert len(both) == 2
    assert whole.outcomes[0].figures["Acc@1"].n == 6
    again = do(request, tmp_path / "stopped")
    assert again == resumed


def test_who_is_finished_is_not_attacked_again(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = replace(ask(run, "mi-face"), untrained=False)
    first = do(request, tmp_path / "out")

    def never(self: object, problem: object) -> None:
        raise AssertionError("attacked again")

    monkeypatch.setattr(type(request.attacks[0]), "reconstruct", never)
    assert do(request, tmp_path / "out") == first


def test_a_recogniser_by_its_card_is_attacked_through_enrolled_people(
    run: Path, tmp_path: Path
) -> None:
    card = str(run / "mine.toml")
    request = replace(
        ask(Path(card), "mi-face", "membership"),
        model=card,
        data=str(run.parent / "people"),
        public="6:12",
        alignment="aligned",
    )
    done = do(request, tmp_path / "out")
    assert done.outcomes[0].title == "mi-face"
    assert "none left" in done.left_out["membership"]
    with pytest.raises(UsageError, match="membership reads statistics"):
        do(replace(request, attacks=chosen(["membership"], [])), tmp_path / "other")


def test_what_cannot_be_gets_a_sentence(run: Path, tmp_path: Path) -> None:
    request = ask(run)
    for change, said in (
        ({"people": "p07"}, "'p07' names nobody here"),
        ({"people": "0:9"}, "does not choose among 6 people"),
        ({"public": "5:8"}, "p05 is known to the recogniser and cannot be public"),
        ({"data": "gone"}, "gone holds no pictures by person"),
        ({"model": "mobilefacenet"}, "mobilefacenet knows nobody yet"),
        ({"model": "mobilefacenet", "data": "orl", "judge": "mobilefacenet"}, "cannot judge"),
        ({"model": str(run / "mine.toml"), "judge": str(run / "mine.toml")}, "cannot judge"),
        ({"judge": str(run / "mine.toml")}, "cannot judge"),
        ({"model": str(tmp_path)}, "holds no run of faceveil train"),
    ):
        with pytest.raises(UsageError, match=said):
            do(replace(request, **change), tmp_path / said[:4].strip("'"))  # type: ignore[arg-type]
    do(replace(request, untrained=False), tmp_path / "out")
    with pytest.raises(UsageError, match="another seed"):
        do(replace(request, seed=1), tmp_path / "out")
    with pytest.raises(UsageError, match="with other settings: name a new folder"):
        do(replace(request, attacks=chosen(["eigenfaces"], [])), tmp_path / "out")
    with pytest.raises(UsageError, match="holds something else already"):
        do(request, run)
