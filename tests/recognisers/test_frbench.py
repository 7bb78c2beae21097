from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from types import ModuleType, SimpleNamespace
from typing import ClassVar

import pytest
import torch
from torch import nn

from faceveil.core.errors import ModelError
from faceveil.recognisers import frbench, zoo

TEMPLATE = torch.tensor([[38.3, 51.7], [73.5, 51.5], [56.0, 71.7], [41.5, 92.4], [70.7, 92.2]])


class FRBenchError(Exception):
    """As ``frbench.FRBenchError``."""


class FR(nn.Module):
    """The part of ``frbench.FR`` 1.1.2 that the adapter touches."""

    settings: ClassVar[dict[str, object]] = {}

    def __init__(self, backbone_type: str, loss_type: str, dataset_type: str, *, eager_load: bool):
        super().__init__()
        if backbone_type == "none":
            raise FRBenchError(
                f"Model '{backbone_type}_{loss_type}_{dataset_type}' not in manifest."
            )
        assert eager_load
        assert FR.settings == {"update_check": False}
        self.embedding_dim = 8
        self.input_size = (112, 96) if backbone_type == "oblong" else (112, 112)
        torch.manual_seed(0)
        self.backbone = nn.Sequential(nn.Conv2d(3, 4, 9, stride=9), nn.Flatten(), nn.LazyLinear(8))
        self.backbone(torch.zeros(1, 3, 112, 112))
        mean, std = torch.tensor([0.5, 0.4, 0.3]), torch.tensor([0.5, 0.5, 0.25])
        self.preprocessor = SimpleNamespace(
            mean=mean.view(1, 3, 1, 1), std=std.view(1, 3, 1, 1), channel="bgr", template=TEMPLATE
        )


@contextlib.contextmanager
def configure_scoped(**settings: object) -> Iterator[None]:
    FR.settings = settings
    yield
    FR.settings = {}


@pytest.fixture(autouse=True)
def _stand_in(monkeypatch: pytest.MonkeyPatch) -> None:
    module = ModuleType("frbench")
    for name, value in {
        "__version__": "1.1.2",
        "FR": FR,
        "FRBenchError": FRBenchError,
        "configure_scoped": configure_scoped,
    }.items():
        setattr(module, name, value)
    monkeypatch.setitem(sys.modules, "frbench", module)


def test_a_model_becomes_a_recogniser() -> None:
    recogniser = zoo.load("frbench:irse-50/arcface/ms1m")
    card = recogniser.card
    assert (card.name, card.embedding_size) == ("frbench:irse-50/arcface/ms1m", 8)
    assert card.source == "PyPI frbench 1.1.2"
    assert len(card.sha256) == 64
    assert card.crop.size_px == 112
    assert not any(parameter.requires_grad for parameter in recogniser.parameters())


def test_crops_reach_the_network_as_frbench_gives_them() -> None:
    recogniser = frbench.load("frbench:irse-50/arcface/ms1m")
    crops = torch.rand(2, 3, 112, 112)
    original = FR.__new__(FR)
    with configure_scoped(update_check=False):
        original.__init__("irse-50", "arcface", "ms1m", eager_load=True)  # type: ignore[misc]
    prepared = original.preprocessor
    theirs = original.backbone((crops.flip(1) - prepared.mean) / prepared.std)
    torch.testing.assert_close(recogniser.embed(crops), nn.functional.normalize(theirs, dim=1))


def test_photos_are_aligned_on_its_template_and_gradients_flow() -> None:
    recogniser = frbench.load("frbench:irse-50/arcface/ms1m")
    patches = torch.rand(1, 3, 130, 120, requires_grad=True)
    embeddings = recogniser(patches, TEMPLATE[None] + 4)
    aligned = recogniser.embed(patches[:, :, 4:116, 4:116])
    torch.testing.assert_close(embeddings, aligned, atol=1e-4, rtol=1e-4)
    embeddings[0, 0].backward()
    assert patches.grad is not None
    assert patches.grad.abs().sum() > 0


def test_weights_are_told_apart_by_their_digest() -> None:
    one = frbench.load("frbench:irse-50/arcface/ms1m")
    assert one.card.sha256 == frbench.load("frbench:irse-18/arcface/ms1m").card.sha256
    with torch.no_grad():
        next(one.network.parameters()).add_(1)
    assert frbench._digest(one.network) != one.card.sha256


@pytest.mark.parametrize("name", ["frbench:irse-50", "frbench:", "frbench:a/b/c/d", "frbench:a//c"])
def test_a_name_of_another_form_is_refused(name: str) -> None:
    with pytest.raises(ModelError, match="frbench:BACKBONE/LOSS/DATASET"):
        frbench.load(name)


def test_a_model_frbench_does_not_have_is_refused() -> None:
    with pytest.raises(ModelError, match=r"cannot load this model\..*not in manifest"):
        frbench.load("frbench:none/arcface/ms1m")


def test_oblong_crops_are_refused() -> None:
    with pytest.raises(ModelError, match="96 x 112 px, and only squares"):
        frbench.load("frbench:oblong/arcface/ms1m")


def test_without_the_package_the_message_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "frbench", None)
    with pytest.raises(ModelError, match=r'pip install "faceveil\[frbench\]"'):
        frbench.load("frbench:irse-50/arcface/ms1m")
