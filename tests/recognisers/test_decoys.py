"""Decoys: bundled for every bundled recogniser, unlike each other and anybody, and unaltered."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from faceveil.app.embed import embed
from faceveil.core.errors import ModelError
from faceveil.faces.face import Face
from faceveil.recognisers import decoys, zoo
from faceveil.recognisers.ensemble import Ensemble


@pytest.fixture(scope="module")
def bundled() -> Ensemble:
    return Ensemble([zoo.load(name) for name in zoo.RECOGNISERS])


def test_every_bundled_recogniser_has_ten_that_are_not_each_other(bundled: Ensemble) -> None:
    people = decoys.load(bundled)
    assert set(people) == set(zoo.RECOGNISERS)
    for member in bundled.members:
        vectors = people[member.name]
        assert vectors.shape == (10, member.card.embedding_size)
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(10))
        cosines = (vectors @ vectors.T)[~torch.eye(10, dtype=torch.bool)]
        assert cosines.max() < 0.97  # to dlib, two of the people they are made of reach .95


def test_nobody_in_the_portrait_is_one(
    bundled: Ensemble, portrait: NDArray[np.uint8], portrait_face: Face
) -> None:
    people = decoys.load(bundled)
    rows = embed(portrait, [portrait_face], bundled.members)
    for member in bundled.members:
        calibration = member.card.calibration
        assert calibration is not None
        assert (rows[member.name] @ people[member.name].T).max() < calibration.thresholds[0].cosine


def test_there_are_none_for_other_recognisers(tiny_ensemble: Ensemble) -> None:
    with pytest.raises(ModelError, match=r"no decoys for ada, bob: .*--targets DIR"):
        decoys.load(tiny_ensemble)


def test_an_altered_file_is_refused(
    bundled: Ensemble, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = Path(shutil.copy(decoys.BUNDLED / "decoys.safetensors", tmp_path))
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    monkeypatch.setattr(decoys, "BUNDLED", tmp_path)
    with pytest.raises(ModelError, match=r"decoys\.safetensors"):
        decoys.load(bundled)
