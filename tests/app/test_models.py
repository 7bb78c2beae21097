from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image

from faceveil.app import models
from faceveil.core import config
from faceveil.core.errors import ModelError, UsageError
from faceveil.core.seeds import content_hash
from faceveil.faces.face import Face
from faceveil.recognisers import zoo
from faceveil.recognisers.card import read_card
from faceveil.recognisers.ensemble import Ensemble


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACEVEIL_HOME", str(tmp_path / "home"))


@pytest.fixture
def seen_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    """Instead of the detector: every picture that is not black shows a face in its middle."""
    landmarks = np.array([(35, 40), (61, 40), (48, 54), (38, 66), (58, 66)], np.float32)
    face = Face((25.0, 20.0, 71.0, 80.0), landmarks, 1.0)

    def detect(pixels: NDArray[np.uint8]) -> tuple[Face, ...]:
        return (face,) if pixels.any() else ()

    monkeypatch.setattr(models.Detector, "load", lambda device: detect)


def album(folder: Path, n_people: int, n_photos: int = 2) -> Path:
    """Photos of noise; those of one person differ a little."""
    draw = np.random.default_rng(0)
    for person in range(n_people):
        looks = draw.integers(0, 256, (12, 12, 3))
        for photo in range(n_photos):
            pixels = np.clip(looks + draw.normal(0, 12, looks.shape), 0, 255).astype(np.uint8)
            path = folder / f"person{person:02d}" / f"{photo}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).resize((96, 96)).save(path)
    return folder


def edit(card_path: Path, **changes: object) -> None:
    card = replace(read_card(card_path), **changes)  # type: ignore[arg-type]
    card_path.write_text(config.write(card), encoding="utf-8")


def test_an_added_recogniser_is_one_by_name(tiny_pair: Path) -> None:
    tiny_pair.with_suffix(".onnx").rename(tiny_pair.parent / "Some Network.onnx")
    added = models.add(tiny_pair.parent / "Some Network.onnx", tiny_pair)
    assert (added.weights, zoo.names()[-1]) == ("tiny.onnx", "tiny")
    crops = torch.rand(1, 3, 24, 24)
    assert zoo.load("tiny").embed(crops).shape == (1, 8)
    assert {path.name for path in zoo.home().iterdir()} == {"tiny.onnx", "tiny.toml"}


def test_an_empty_sha256_is_filled_in(tiny_pair: Path) -> None:
    weights = tiny_pair.with_suffix(".onnx")
    edit(tiny_pair, sha256="")
    assert models.add(weights, tiny_pair).sha256 == content_hash(weights.read_bytes())
    assert read_card(zoo.locate("tiny")).sha256 == content_hash(weights.read_bytes())


def test_weights_of_another_card_are_refused(tiny_pair: Path) -> None:
    edit(tiny_pair, sha256="a" * 64)
    with pytest.raises(ModelError, match=r"tiny\.onnx: its SHA-256 is .*leave sha256 empty"):
        models.add(tiny_pair.with_suffix(".onnx"), tiny_pair)
    assert not zoo.home().exists()


@pytest.mark.parametrize("name", ["dlib", "sface"])
def test_a_bundled_or_public_name_is_taken(tiny_pair: Path, name: str) -> None:
    edit(tiny_pair, name=name)
    with pytest.raises(ModelError, match=f"the name {name} is taken"):
        models.add(tiny_pair.with_suffix(".onnx"), tiny_pair)


def test_a_name_in_use_is_taken_and_its_owner_stays(
    tiny_pair: Path, onnx_file: Callable[..., bytes]
) -> None:
    weights = tiny_pair.with_suffix(".onnx")
    before = models.add(weights, tiny_pair)
    weights.write_bytes(onnx_file(seed=1))
    edit(tiny_pair, sha256="")
    with pytest.raises(ModelError, match="the name tiny is taken"):
        models.add(weights, tiny_pair)
    assert read_card(zoo.locate("tiny")) == before
    zoo.load("tiny")


def test_a_network_that_is_not_the_cards_is_not_copied(
    tiny_pair: Path, onnx_file: Callable[..., bytes]
) -> None:
    weights = tiny_pair.with_suffix(".onnx")
    edit(tiny_pair, sha256="")
    for data in (onnx_file(embedding_size=9), b"", weights.read_bytes()[:-50]):
        weights.write_bytes(data)
        with pytest.raises(ModelError, match=r"tiny\.onnx"):
            models.add(weights, tiny_pair)
    with pytest.raises(ModelError, match=r"none\.onnx: cannot be read"):
        models.add(tiny_pair.parent / "none.onnx", tiny_pair)
    assert not zoo.home().exists()


@pytest.mark.usefixtures("seen_faces")
def test_thresholds_are_found_and_written(tiny_pair: Path, tmp_path: Path) -> None:
    models.add(tiny_pair.with_suffix(".onnx"), tiny_pair)
    steps: list[tuple[int, int]] = []
    done = models.calibrate_card(
        "tiny", album(tmp_path / "faces", 16), progress=lambda *step: steps.append(step)
    )
    calibration = done.card.calibration
    assert calibration is not None
    assert (calibration.n_people, calibration.n_genuine, calibration.n_impostor) == (16, 16, 480)
    assert [threshold.far for threshold in calibration.thresholds] == [0.01]
    assert calibration.thresholds[0].tar > 0.5
    assert calibration.data == "faces, 16 people"
    assert steps == [(n, 32) for n in range(1, 33)]
    assert read_card(zoo.locate("tiny")) == done.card


@pytest.mark.usefixtures("seen_faces")
def test_a_card_named_by_its_path_is_calibrated_where_it_lies(
    tiny_pair: Path, tmp_path: Path
) -> None:
    done = models.calibrate_card(str(tiny_pair), album(tmp_path / "faces", 16))
    assert done.path == tiny_pair
    assert read_card(tiny_pair).threshold(0.01) == done.card.threshold(0.01)


@pytest.mark.usefixtures("seen_faces")
def test_only_the_first_people_count_if_asked(tiny_pair: Path, tmp_path: Path) -> None:
    folder = album(tmp_path / "faces", 20)
    some = models.calibrate_card(str(tiny_pair), folder, first=15).card.calibration
    assert some is not None
    assert (some.n_people, some.data) == (15, "faces, 15 people")


@pytest.mark.usefixtures("seen_faces")
def test_photos_that_cannot_be_used_are_told_and_left_out(tiny_pair: Path, tmp_path: Path) -> None:
    folder = album(tmp_path / "faces", 3)
    Image.new("RGB", (96, 96)).save(folder / "person00" / "black.png")
    (folder / "person01" / "broken.jpg").write_bytes(b"no photo")
    (folder / "notes.txt").write_text("no folder")
    people = models.embed_people(folder, Ensemble([zoo.load(str(tiny_pair))]))
    assert people.labels == tuple(f"person{i:02d}" for i in (0, 0, 1, 1, 2, 2))
    assert people.embeddings["tiny"].shape == (6, 8)
    assert {path.name for path in people.skipped} == {"black.png", "broken.jpg"}


@pytest.mark.usefixtures("seen_faces")
def test_too_few_people_are_refused_and_the_card_stays(tiny_pair: Path, tmp_path: Path) -> None:
    before = tiny_pair.read_bytes()
    with pytest.raises(UsageError, match=r"12 pairs .* too few for a threshold at FAR 0\.01"):
        models.calibrate_card(str(tiny_pair), album(tmp_path / "few", 3))
    with pytest.raises(UsageError, match="give two photos a person"):
        models.calibrate_card(str(tiny_pair), album(tmp_path / "single", 16, n_photos=1))
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"empty: no photo"):
        models.calibrate_card(str(tiny_pair), tmp_path / "empty")
    with pytest.raises(UsageError, match="no such folder"):
        models.calibrate_card(str(tiny_pair), tmp_path / "none")
    assert tiny_pair.read_bytes() == before


def test_bundled_thresholds_stay(tmp_path: Path) -> None:
    for name in ("dlib", str(zoo.BUNDLED / "dlib.toml"), str(zoo.BUNDLED / "dlib.onnx")):
        with pytest.raises(ModelError, match="comes with faceveil"):
            models.calibrate_card(name, tmp_path)


def test_a_real_face_is_found_and_embedded(tmp_path: Path, portrait_path: Path) -> None:
    for name in ("ann/1.png", "ann/2.png"):
        path = tmp_path / "people" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(portrait_path.read_bytes())
    people = models.embed_people(tmp_path / "people", Ensemble([zoo.load("mobilefacenet")]))
    one, other = people.embeddings["mobilefacenet"]
    torch.testing.assert_close(one @ other, torch.tensor(1.0))
