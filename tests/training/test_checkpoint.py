"""Checkpoints: everything comes back bit for bit, nothing is run, and what does not fit is said."""

from __future__ import annotations

import errno
import os
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from faceveil.core.errors import ModelError, PhotoError
from faceveil.training import checkpoint

STATE: dict[str, Any] = {
    "step": 7,
    "people": ["ada", "bob"],
    "weights": {"a": torch.rand(2, 3), "n": torch.tensor(3), "flag": torch.tensor([True])},
    "optimiser": {"state": {0: {"m": torch.rand(4).half(), "none": None}}, "lr": [0.1, 1e-8]},
    "empty": {},
}


def equal(one: Any, other: Any) -> bool:
    if isinstance(one, torch.Tensor):
        return one.dtype == other.dtype and torch.equal(one, other)
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(equal(one[key], other[key]) for key in one)
    return bool(one == other)


def test_a_state_comes_back_as_it_was(tmp_path: Path) -> None:
    checkpoint.save(tmp_path / "c", STATE)
    assert equal(checkpoint.load(tmp_path / "c"), STATE)


@pytest.mark.parametrize(
    "content",
    [b"", b"\x00" * 100, pickle.dumps({"step": 1}), (8).to_bytes(8, "little") + b"{}{}{}{}"],
)
def test_what_is_no_checkpoint_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "c").write_bytes(content)
    with pytest.raises(ModelError, match="cannot be read as a checkpoint"):
        checkpoint.load(tmp_path / "c")


def test_a_missing_or_cut_off_one_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="cannot be read as a checkpoint"):
        checkpoint.load(tmp_path / "c")
    checkpoint.save(tmp_path / "c", STATE)
    os.truncate(tmp_path / "c", (tmp_path / "c").stat().st_size - 3)
    with pytest.raises(ModelError, match="cannot be read as a checkpoint"):
        checkpoint.load(tmp_path / "c")


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"weight": torch.zeros(3, 2), "bias": torch.zeros(2)}, r"weight is \(3, 2\) in it and"),
        ({"weight": torch.zeros(2, 3)}, "bias is missing in it"),
        (
            {"weight": torch.zeros(2, 3), "bias": torch.zeros(2), "more": torch.zeros(1)},
            "more is there in it and not here",
        ),
    ],
)
def test_another_networks_weights_are_refused_by_name(state: dict[str, Any], said: str) -> None:
    module = nn.Linear(3, 2)
    before = module.weight.clone()
    with pytest.raises(ModelError, match=said):
        checkpoint.restore(module, state, Path("c"))
    assert torch.equal(module.weight, before)


def test_a_full_disk_leaves_the_old_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    checkpoint.save(tmp_path / "c", STATE)

    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(PhotoError, match="the disk is full: make room"):
        checkpoint.save(tmp_path / "c", {**STATE, "step": 8})
    assert checkpoint.load(tmp_path / "c")["step"] == 7
    assert [path.name for path in tmp_path.iterdir()] == ["c"]
