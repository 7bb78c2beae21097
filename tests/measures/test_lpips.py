"""The adapter to the package lpips, on a stand-in with its interface."""

from __future__ import annotations

import sys
import warnings
from types import ModuleType

import pytest
import torch
from torch import nn

from faceveil.core.errors import ModelError, UsageError
from faceveil.measures.lpips import Lpips


class LPIPS(nn.Module):
    """The part of ``lpips.LPIPS`` 0.1.4 that the adapter touches."""

    def __init__(self, *, net: str, version: str, verbose: bool):
        super().__init__()
        assert (net, version, verbose) == ("alex", "0.1", False)
        warnings.warn("The parameter 'pretrained' is deprecated", stacklevel=2)
        self.register_buffer("scale", torch.tensor([0.458, 0.448, 0.450]).view(1, 3, 1, 1))
        self.gain = nn.Parameter(torch.ones(1))

    def forward(
        self, in0: torch.Tensor, in1: torch.Tensor, *, normalize: bool = False
    ) -> torch.Tensor:
        in0, in1 = (2 * image - 1 if normalize else image for image in (in0, in1))
        assert in0.min() < 0
        squares = self.gain * ((in0 - in1) / self.scale).square()
        return squares.sum(1, keepdim=True).mean((2, 3), keepdim=True)


class NoNetwork(LPIPS):
    def __init__(self, **_: object):
        raise OSError("Name or service not known")


@pytest.fixture(autouse=True)
def stand_in(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = ModuleType("lpips")
    module.LPIPS = LPIPS  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "lpips", module)
    return module


def test_each_pair_has_its_distance(face: torch.Tensor) -> None:
    distances = Lpips()(face.repeat(3, 1, 1, 1), torch.cat([face, 0.9 * face, 0.5 * face]))
    assert distances.shape == (3,)
    assert distances[0] == 0
    assert 0 < distances[1] < distances[2]


def test_gradients_reach_the_picture_but_not_the_network(face: torch.Tensor) -> None:
    measure, other = Lpips(), (0.9 * face).requires_grad_()
    measure(face, other).sum().backward()
    assert other.grad.abs().max() > 0
    assert not any(weight.requires_grad for weight in measure._network.parameters())


@pytest.mark.usefixtures("any_shape")
def test_small_or_unlike_pictures_are_refused(face: torch.Tensor) -> None:
    with pytest.raises(UsageError, match="at least 31 px"):
        Lpips()(face[..., :30], face[..., :30])
    with pytest.raises(UsageError, match="one shape"):
        Lpips()(face, face[..., 1:])


def test_without_the_package_the_message_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lpips", None)
    with pytest.raises(ModelError, match=r'pip install "faceveil\[lpips\]"'):
        Lpips()


def test_a_failed_download_is_said(stand_in: ModuleType) -> None:
    stand_in.LPIPS = NoNetwork  # type: ignore[attr-defined]
    with pytest.raises(ModelError, match=r"cannot load AlexNet\. Name or service not known"):
        Lpips()
