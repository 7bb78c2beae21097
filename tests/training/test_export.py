"""Exported networks are the trained ones, in faceveil's importer and in ONNX Runtime."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import onnxruntime
import pytest
import torch
from tests.training.conftest import tiny_recipe
from torch import Tensor, nn

from faceveil.recognisers.card import read_card
from faceveil.recognisers.recogniser import Recogniser
from faceveil.training.backbones.backbone import Backbone
from faceveil.training.backbones.ir import Ir18
from faceveil.training.backbones.mobilefacenet import MobileFaceNet
from faceveil.training.defence import Undefended
from faceveil.training.export import card, to_onnx
from faceveil.training.learner import Learner


def trained(backbone: Backbone, side_px: int, colour: str) -> nn.Module:
    """A network whose normalisations have seen something."""
    recipe = tiny_recipe(backbone=backbone, size_px=side_px)
    recipe = replace(recipe, defence=Undefended(colour))  # type: ignore[arg-type]
    network = Learner(recipe, 3).network
    draw = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d)):
            assert module.running_mean is not None
            assert module.running_var is not None
            module.running_mean.normal_(generator=draw)
            module.running_var.uniform_(0.5, 2, generator=draw)
    return network.eval()


def alike(one: Tensor, other: Tensor) -> bool:
    return bool((torch.cosine_similarity(one, other) >= 0.99999).all())


@pytest.mark.parametrize(
    ("backbone", "side_px", "colour"),
    [(MobileFaceNet(16), 24, "grey"), (Ir18(16), 16, "rgb")],
)
def test_the_file_computes_what_was_trained(
    tmp_path: Path, backbone: Backbone, side_px: int, colour: str
) -> None:
    network = trained(backbone, side_px, colour)
    data = to_onnx(network, side_px)
    crops = torch.rand(5, 3, side_px, side_px)
    with torch.no_grad():
        expected = network(crops)
    session = onnxruntime.InferenceSession(data, providers=["CPUExecutionProvider"])
    assert alike(torch.tensor(session.run(None, {"crops": crops.numpy()})[0]), expected)
    recipe = tiny_recipe(backbone=backbone, size_px=side_px)
    described = card(recipe, data, n_people=3, n_photos=9)
    recogniser = Recogniser.from_bytes(described, data, "tiny.onnx")
    assert alike(recogniser.embed(crops), expected)
    assert "trained on 9 photos of 3 people" in described.title


def test_the_card_is_one(tmp_path: Path) -> None:
    from faceveil.core import config

    described = card(tiny_recipe(), b"weights", 3, 9)
    (tmp_path / "tiny.toml").write_text(config.write(described), encoding="utf-8")
    assert read_card(tmp_path / "tiny.toml") == described
    assert described.crop.size_px == 16
