"""Fixtures every room's tests share."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import tests.shapes  # noqa: F401  from here on the shapes of what faceveil's functions take are checked
import torch
from numpy.typing import NDArray
from onnx import TensorProto, helper, numpy_helper
from PIL import Image
from torch import nn

from faceveil.core import config
from faceveil.core.seeds import content_hash
from faceveil.faces.face import Face
from faceveil.recognisers.card import Calibration, Card, Crop, Threshold
from faceveil.recognisers.ensemble import Ensemble
from faceveil.recognisers.recogniser import Recogniser

ROOT = Path(__file__).resolve().parent.parent
SHARED = ROOT.parent / "shared"
PORTRAIT = ROOT / "examples" / "portrait.png"

PORTRAIT_LANDMARKS = (
    (202.0, 101.0),
    (246.0, 102.0),
    (222.0, 125.0),
    (203.0, 144.0),
    (242.0, 145.0),
)
"""Eyes, nose tip and mouth corners of the example portrait, in px."""


def pytest_configure(config: pytest.Config) -> None:
    """Where several processes share the tests (-n), each of them and what it starts computes in
    one thread: they would only wait for each other."""
    if hasattr(config, "workerinput"):
        torch.set_num_threads(1)
        os.environ["OMP_NUM_THREADS"] = "1"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The evaluation data that may stand beside the repository."""
    if not (SHARED / "data" / "celebahq-pairs").is_dir():
        pytest.skip("the evaluation data (../shared) is not beside the repository")
    return SHARED


@pytest.fixture(scope="session")
def portrait_path() -> Path:
    """The public-domain portrait the README veils."""
    return PORTRAIT


@pytest.fixture(scope="session")
def portrait() -> NDArray[np.uint8]:
    """Its pixels, h w 3."""
    pixels = np.array(Image.open(PORTRAIT).convert("RGB"))
    pixels.setflags(write=False)
    return pixels


@pytest.fixture(scope="session")
def portrait_face() -> Face:
    """Where its face is."""
    landmarks = np.array(PORTRAIT_LANDMARKS, dtype=np.float32)
    return Face(box=(177.0, 57.0, 270.0, 178.0), landmarks=landmarks, score=1.0)


def tiny_recogniser(name: str, *, size_px: int = 24, embedding_size: int = 16) -> Recogniser:
    """An untrained recogniser that is fast, smooth and the same every time."""
    seed = sum(name.encode())
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = nn.Sequential(
            nn.Conv2d(3, 12, 5, stride=3), nn.Tanh(), nn.Flatten(), nn.LazyLinear(embedding_size)
        )
        network(torch.zeros(1, 3, size_px, size_px))
    scale = size_px / 112
    template = ((38.3, 51.7), (73.5, 51.5), (56.0, 71.7), (41.5, 92.4), (70.7, 92.2))
    card = Card(
        name=name,
        title=f"Tiny {name}",
        licence="Apache-2.0",
        source="made by the tests",
        weights=f"{name}.onnx",
        sha256="0" * 64,
        embedding_size=embedding_size,
        crop=Crop(
            size_px=size_px,
            template=tuple((x * scale, y * scale) for x, y in template),
            channels="rgb",
            mean=(127.5, 127.5, 127.5),
            std=(128.0, 128.0, 128.0),
        ),
        calibration=Calibration("none", "none", 2, 2, 2, (Threshold(0.01, 0.5, 1.0),)),
    )
    return Recogniser(card, network).eval().requires_grad_(requires_grad=False)


@pytest.fixture(scope="session")
def tiny_ensemble() -> Ensemble:
    """Two tiny recognisers of different embedding sizes."""
    return Ensemble([tiny_recogniser("ada"), tiny_recogniser("bob", embedding_size=8)])


@pytest.fixture(scope="session")
def onnx_file() -> Callable[..., bytes]:
    """Writes an untrained network as the bytes of an ONNX file: 24 px crops to unlike vectors."""

    def write(*, embedding_size: int = 8, seed: int = 0) -> bytes:
        draw = np.random.default_rng(seed)
        weights = {
            "kernel": draw.normal(0, 0.2, (6, 3, 5, 5)),
            "matrix": draw.normal(0, 0.1, (6 * 7 * 7, embedding_size)),
            "bias": draw.normal(0, 1, embedding_size),
        }
        nodes = [
            helper.make_node("Conv", ["crops", "kernel"], ["maps"], strides=(3, 3)),
            helper.make_node("Relu", ["maps"], ["active"]),
            helper.make_node("Flatten", ["active"], ["flat"]),
            helper.make_node("Gemm", ["flat", "matrix", "bias"], ["embedding"]),
        ]
        values = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, shape)
            for name, shape in (("crops", ["n", 3, 24, 24]), ("embedding", ["n", embedding_size]))
        ]
        graph = helper.make_graph(nodes, "tiny", values[:1], values[1:])
        graph.initializer.extend(
            numpy_helper.from_array(value.astype(np.float32), name)
            for name, value in weights.items()
        )
        opset = [helper.make_opsetid("", 17)]
        model: bytes = helper.make_model(
            graph, opset_imports=opset, ir_version=8
        ).SerializeToString()
        return model

    return write


@pytest.fixture
def tiny_pair(tmp_path: Path, onnx_file: Callable[..., bytes]) -> Path:
    """A card ``tiny.toml`` with the network it describes beside it; the path of the card."""
    weights = onnx_file()
    card = replace(
        tiny_recogniser("tiny", embedding_size=8).card,
        sha256=content_hash(weights),
        calibration=None,
    )
    (tmp_path / "tiny.onnx").write_bytes(weights)
    (tmp_path / "tiny.toml").write_text(config.write(card), encoding="utf-8")
    return tmp_path / "tiny.toml"


@pytest.fixture
def any_shape(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes are not checked: a function is to refuse a wrong one itself."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    """Tests that set the number of threads do not change it for others."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)
