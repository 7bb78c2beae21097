from __future__ import annotations

import hashlib
from dataclasses import replace
from pathlib import Path

import pytest

from faceveil.core import config
from faceveil.core.errors import ModelError
from faceveil.recognisers.card import (
    Calibration,
    Card,
    Crop,
    Threshold,
    read_card,
    read_weights,
)

TEXT = """
name = "small"
title = "Small"
licence = "MIT"
source = "here"
weights = "small.onnx"
sha256 = "00"
embedding_size = 16

[crop]
size_px = 112
template = [[38, 51], [73, 51], [56, 71], [41, 92], [70, 92]]
channels = "bgr"
mean = [127.5, 127.5, 127.5]
std = [128, 128, 128]
"""

CALIBRATION = """
[calibration]
data = "somewhere"
detector = "centerface"
n_people = 3
n_genuine = 3
n_impostor = 1000

[[calibration.thresholds]]
far = 0.01
cosine = 0.4
tar = 0.9

[[calibration.thresholds]]
far = 0.001
cosine = 0.5
tar = 0.8
"""


def read(folder: Path, text: str) -> Card:
    (folder / "small.toml").write_text(text, encoding="utf-8")
    return read_card(folder / "small.toml")


def test_a_card_is_read(tmp_path: Path) -> None:
    assert read(tmp_path, TEXT) == Card(
        name="small",
        title="Small",
        licence="MIT",
        source="here",
        weights="small.onnx",
        sha256="00",
        embedding_size=16,
        crop=Crop(
            size_px=112,
            template=((38, 51), (73, 51), (56, 71), (41, 92), (70, 92)),
            channels="bgr",
            mean=(127.5, 127.5, 127.5),
            std=(128, 128, 128),
        ),
    )


def test_a_written_card_is_read_back(tmp_path: Path) -> None:
    card = read(tmp_path, TEXT + CALIBRATION)
    assert read(tmp_path, config.write(card)) == card


def test_thresholds_are_found_by_rate(tmp_path: Path) -> None:
    card = read(tmp_path, TEXT + CALIBRATION)
    assert card.threshold(0.001) == Threshold(0.001, 0.5, 0.8)
    with pytest.raises(ModelError, match=r"calibrated at FAR 0\.01, 0\.001, not at 0\.0001"):
        card.threshold(0.0001)


def test_a_card_without_thresholds_says_how_to_get_them(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="faceveil models calibrate small"):
        read(tmp_path, TEXT).threshold(0.01)


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ('name = "small"', "", "name: "),
        ('name = "small"', 'name = "../small"', "name may hold"),
        ('name = "small"', 'name = ""', "name may hold"),
        ('name = "small"', 'name = ".."', "name may hold"),
        ("embedding_size = 16", 'embedding_size = "many"', "embedding_size: "),
        ("embedding_size = 16", "embedding_size = 0", "must be positive"),
        ("size_px = 112", "size_px = -112", "must be positive"),
        ("size_px = 112", "size_px = 112\nsize = 112", r"crop\.size: there is no such field"),
        ("[crop]", "[corp]", "corp: there is no such field"),
        ('"bgr"', '"grb"', r"crop\.channels: "),
        ("[70, 92]]", "]", "five landmarks, this one has 4"),
        ("[70, 92]]", "[70, 92, 1]]", r"crop\.template\.4"),
        ("[70, 92]]", "[70, nan]]", "cannot be calculated with"),
        ("std = [128, 128, 128]", "std = [128, 0, 128]", "cannot be calculated with"),
        ("std = [128, 128, 128]", "std = [128, inf, 128]", "cannot be calculated with"),
        ("std = [128, 128, 128]", "std = [128, 128]", r"crop\.std\.2: "),
        ("weights = ", "weights", "not valid TOML"),
    ],
)
def test_what_cannot_be_used_is_refused_by_file_and_field(
    tmp_path: Path, old: str, new: str, fault: str
) -> None:
    assert old in TEXT
    with pytest.raises(ModelError, match=rf"small\.toml: .*{fault}"):
        read(tmp_path, TEXT.replace(old, new))


@pytest.mark.parametrize(
    "weights",
    [
        "../small.onnx",
        "/etc/small.onnx",
        "a/small.onnx",
        "..\\\\small.onnx",
        "C:small.onnx",
        "",
        "..",
    ],
)
def test_weights_outside_the_cards_folder_are_refused(tmp_path: Path, weights: str) -> None:
    with pytest.raises(ModelError, match=r"must name an \.onnx file beside the card"):
        read(tmp_path, TEXT.replace("small.onnx", weights))


def test_a_missing_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"none\.toml: cannot be read"):
        read_card(tmp_path / "none.toml")


def test_weights_are_read_when_they_are_the_cards(tmp_path: Path) -> None:
    (tmp_path / "w.onnx").write_bytes(b"weights")
    digest = hashlib.sha256(b"weights").hexdigest()
    assert read_weights(tmp_path / "w.onnx", digest) == b"weights"


def test_altered_or_missing_weights_are_refused(tmp_path: Path) -> None:
    (tmp_path / "w.onnx").write_bytes(b"weightS")
    digest = hashlib.sha256(b"weights").hexdigest()
    with pytest.raises(ModelError, match=rf"w\.onnx: .*expected\s+{digest}"):
        read_weights(tmp_path / "w.onnx", digest)
    with pytest.raises(ModelError, match="cannot be read"):
        read_weights(tmp_path / "none.onnx", digest)


def test_cards_are_values() -> None:
    crop = Crop(1, ((0.0, 0.0),) * 5, "rgb", (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    card = Card("a", "A", "MIT", "here", "a.onnx", "", 1, crop)
    assert {card, replace(card)} == {card}
    calibrated = replace(card, calibration=Calibration("d", "d", 1, 1, 1, ()))
    assert calibrated != card
