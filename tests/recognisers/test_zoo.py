from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from faceveil.core.errors import ModelError
from faceveil.recognisers import zoo
from faceveil.recognisers.card import read_card


@pytest.fixture(autouse=True)
def _home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("FACEVEIL_HOME", str(tmp_path / "home"))


def install(card_path: Path, name: str) -> None:
    zoo.home().mkdir(parents=True, exist_ok=True)
    shutil.copy(card_path.with_suffix(".onnx"), zoo.home() / "tiny.onnx")
    text = card_path.read_text().replace('name = "tiny"', f'name = "{name}"')
    (zoo.home() / f"{name}.toml").write_text(text)


def test_bundled_recognisers_come_first_and_added_ones_in_order(tiny_pair: Path) -> None:
    assert zoo.names() == zoo.RECOGNISERS
    for name in ("zed", "amy", "dlib"):
        install(tiny_pair, name)
    assert zoo.names() == (*zoo.RECOGNISERS, "amy", "zed")
    assert read_card(zoo.locate("zed")).title == "Tiny tiny"


def test_the_models_folder_is_the_platforms_unless_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FACEVEIL_HOME")
    assert zoo.home().name == "models"
    assert "faceveil" in zoo.home().parts


def test_an_added_recogniser_loads_by_name_and_by_either_path(tiny_pair: Path) -> None:
    install(tiny_pair, "amy")
    assert zoo.load("amy").name == "amy"
    assert zoo.load(str(tiny_pair)).name == "tiny"
    assert zoo.load(str(tiny_pair.with_suffix(".onnx"))).name == "tiny"


def test_an_added_recogniser_does_not_take_a_bundled_ones_place(tiny_pair: Path) -> None:
    install(tiny_pair, "dlib")
    assert zoo.locate("dlib").parent == zoo.BUNDLED


@pytest.mark.parametrize("name", ["nobody", "", "../tiny", "centerface", "frbnech:a/b/c"])
def test_an_unknown_name_is_refused_and_known_ones_are_told(tiny_pair: Path, name: str) -> None:
    with pytest.raises(ModelError, match="known are mobilefacenet, faceres, dlib"):
        zoo.load(name)


def test_a_path_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"new\.toml: no card lies there"):
        zoo.load(str(tmp_path / "new.onnx"))


def test_altered_weights_are_refused(tiny_pair: Path) -> None:
    weights = tiny_pair.with_suffix(".onnx")
    data = bytearray(weights.read_bytes())
    data[len(data) // 2] ^= 1
    weights.write_bytes(data)
    with pytest.raises(ModelError, match=r"tiny\.onnx: this is not the file"):
        zoo.load(str(tiny_pair))


def test_weights_outside_the_cards_folder_are_refused(tiny_pair: Path, tmp_path: Path) -> None:
    inner = tmp_path / "inner"
    inner.mkdir()
    text = tiny_pair.read_text().replace('"tiny.onnx"', '"../tiny.onnx"')
    (inner / "tiny.toml").write_text(text)
    with pytest.raises(ModelError, match="beside the card"):
        zoo.load(str(inner / "tiny.toml"))


def test_names_and_cards_are_read_without_torch() -> None:
    code = (
        "import sys; from faceveil.recognisers import pull, zoo; from faceveil.recognisers.card "
        "import read_card; [read_card(zoo.locate(name)) for name in zoo.names()]; pull.cards(); "
        "sys.exit('torch' in sys.modules or 'onnx' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("name", zoo.RECOGNISERS)
def test_every_bundled_recogniser_loads(name: str) -> None:
    card = read_card(zoo.locate(name))
    assert card.name == name
    recogniser = zoo.load(name)
    size_px = card.crop.size_px
    crops = torch.rand(2, 3, size_px, size_px, requires_grad=True)
    embeddings = recogniser.embed(crops)
    assert embeddings.shape == (2, card.embedding_size)
    embeddings[0].amax().backward()
    assert crops.grad is not None
    assert crops.grad[0].abs().sum() > 0
    assert crops.grad[1].abs().sum() == 0


@pytest.mark.parametrize("name", zoo.RECOGNISERS)
def test_every_bundled_recogniser_is_calibrated_at_every_rate(name: str) -> None:
    card = read_card(zoo.locate(name))
    cosines = [card.threshold(far).cosine for far in (0.01, 0.001, 0.0001)]
    assert cosines == sorted(cosines)
    assert all(threshold.tar > 0.4 for threshold in card.calibration.thresholds)


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "crops", "embeddings"),
    [
        ("mobilefacenet", "mobilefacenet_crops", "mobilefacenet_embeddings"),
        ("faceres", "faceres_crops", "faceres_embeddings"),
        ("dlib", "dlib_chips", "dlib_descriptors"),
    ],
)
def test_bundled_recognisers_agree_with_their_originals(
    name: str, crops: str, embeddings: str, shared: Path
) -> None:
    """On the same crops, against what onnxruntime and dlib made of them."""
    reference = np.load(shared / "models" / "reference.npz")
    pixels = torch.from_numpy(reference[crops]).permute(0, 3, 1, 2) / 255
    theirs = torch.nn.functional.normalize(torch.from_numpy(reference[embeddings]), dim=1)
    assert (zoo.load(name).embed(pixels) * theirs).sum(1).min() > 0.999
