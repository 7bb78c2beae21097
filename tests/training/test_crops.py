"""Crops: cut once, gone on with after a kill, and what cannot be cut is left out and named."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.bench.conftest import write_people

from faceveil.core.errors import PhotoError, UsageError
from faceveil.data.align import template
from faceveil.data.folder import open_folder
from faceveil.data.pictures import Picture
from faceveil.faces.detect import Detector
from faceveil.training import lines
from faceveil.training.crops import INDEX, PIXELS, Crops, cut


@pytest.fixture
def pictures(tmp_path: Path) -> list[Picture]:
    write_people(tmp_path / "people", 3, 2, side_px=16)
    (tmp_path / "people" / "p01" / "0.png").write_bytes(b"\x89PNG\r\n\x1a\n torn")
    return list(open_folder(tmp_path / "people"))


def cut_all(pictures: Sequence[Picture], folder: Path, size_px: int = 16) -> Crops:
    def none() -> Detector:
        return None  # type: ignore[return-value]  # nothing is detected where crops are aligned

    return cut(pictures, "aligned", size_px, folder, load_detector=none)


def test_an_aligned_picture_is_its_own_crop(pictures: list[Picture], tmp_path: Path) -> None:
    crops = cut_all(pictures, tmp_path / "crops")
    assert crops.names == ("p00/0.png", "p00/1.png", "p01/1.png", "p02/0.png", "p02/1.png")
    assert crops.people == ("p00", "p00", "p01", "p02", "p02")
    pixels = pictures[5].read().pixels
    assert np.abs(crops.pixels[4].astype(int) - pixels).max() <= 1
    assert torch.equal(crops.take([4, 0])[0].permute(1, 2, 0), torch.tensor(crops.pixels[4]))


def test_a_corrupt_photo_is_left_out_by_name(pictures: list[Picture], tmp_path: Path) -> None:
    crops = cut_all(pictures, tmp_path / "crops")
    (fault,) = crops.left_out
    assert "p01/0.png is damaged or cut short" in fault


def test_two_who_want_the_same_crops_take_turns(pictures: list[Picture], tmp_path: Path) -> None:
    whole = cut_all(pictures, tmp_path / "alone")
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: cut_all(pictures, tmp_path / "crops"), range(4)))
    for crops in found:
        assert crops.names == whole.names
        assert np.array_equal(crops.pixels, whole.pixels)


def test_crops_are_cut_once(pictures: list[Picture], tmp_path: Path) -> None:
    first = cut_all(pictures, tmp_path / "crops")
    for path in (tmp_path / "people").rglob("*.png"):
        path.unlink()
    again = cut_all(pictures, tmp_path / "crops")
    assert (again.names, again.left_out) == (first.names, first.left_out)
    assert np.array_equal(again.pixels, first.pixels)


@pytest.mark.parametrize("n_bytes", [0, 10, 900, 1700, 4000])
@pytest.mark.parametrize("cut_off", ["pixels", "index"])
def test_cut_off_anywhere_it_goes_on(
    pictures: list[Picture], tmp_path: Path, cut_off: str, n_bytes: int
) -> None:
    first = cut_all(pictures, tmp_path / "crops")
    expected = np.array(first.pixels)
    path = tmp_path / "crops" / (PIXELS if cut_off == "pixels" else INDEX)
    os.truncate(path, min(n_bytes, path.stat().st_size - 1))
    again = cut_all(pictures, tmp_path / "crops")
    assert (again.names, again.left_out) == (first.names, first.left_out)
    assert np.array_equal(again.pixels, expected)


def test_crops_of_others_are_not_taken_for_these(pictures: list[Picture], tmp_path: Path) -> None:
    cut_all(pictures, tmp_path / "crops")
    with pytest.raises(UsageError, match="cut in another way"):
        cut_all(pictures, tmp_path / "crops", size_px=12)
    with pytest.raises(UsageError, match="of other photos"):
        cut_all(pictures[1:], tmp_path / "crops")


def test_a_full_disk_is_a_sentence_and_what_is_cut_stays(
    pictures: list[Picture], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    append = lines.append

    def full(path: Path, record: dict[str, object]) -> None:
        with lines.growing(path):
            if record["name"] == "p02/0.png":
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        append(path, record)

    with monkeypatch.context() as patch:
        patch.setattr(lines, "append", full)
        with pytest.raises(PhotoError, match=r"No space left on device.*--resume"):
            cut_all(pictures, tmp_path / "crops")
    assert len(lines.read(tmp_path / "crops" / INDEX)) == 1 + 4
    assert len(cut_all(pictures, tmp_path / "crops").names) == 5


def test_the_template_is_arcfaces_in_any_size() -> None:
    assert template(112)[0].tolist() == pytest.approx([38.2946, 51.6963])
    assert template(56)[0].tolist() == pytest.approx([38.7946 / 2 - 0.5, 52.1963 / 2 - 0.5])


def test_no_usable_photo_leaves_no_crops(tmp_path: Path) -> None:
    (tmp_path / "people" / "a").mkdir(parents=True)
    Image.new("RGB", (8, 9)).save(tmp_path / "people" / "a" / "oblong.png")
    crops = cut_all(list(open_folder(tmp_path / "people")), tmp_path / "crops")
    assert len(crops.pixels) == 0
    assert "only a square" in crops.left_out[0]
