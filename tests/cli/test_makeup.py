"""``faceveil protect --reference``: makeup through the real command line."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
from PIL import Image
from tests.cli.conftest import Run

QUICK = ("--set", "method.steps=1", "--set", "method.fitting=1", "--surrogate", "mobilefacenet")


def test_a_style_is_worn_and_the_receipt_names_it(
    faceveil: Run, tmp_path: Path, portrait_path: Path
) -> None:
    shutil.copy(portrait_path, tmp_path / "me.png")
    done = faceveil("protect", "me.png", "--reference", "smoky", *QUICK)
    assert done.returncode in (0, 5), done.stderr.decode()
    receipt = json.loads((tmp_path / "me.veiled.png.veil.json").read_text())
    assert receipt["settings"]["method"]["name"] == "makeup"
    assert receipt["settings"]["method"]["reference"] == "smoky"
    was, now = (
        np.array(Image.open(tmp_path / name).convert("RGB")) for name in ("me.png", "me.veiled.png")
    )
    changed = (was != now).any(axis=2)
    assert 0.02 < changed.mean() < 0.5


def test_a_reference_without_a_face_is_a_sentence(
    faceveil: Run, tmp_path: Path, portrait_path: Path
) -> None:
    Image.new("RGB", (200, 150), (90, 140, 200)).save(tmp_path / "sky.png")
    done = faceveil("protect", str(portrait_path), "-o", "out.png", "--reference", "sky.png")
    assert done.returncode == 2
    assert b"no face found in the reference sky.png" in done.stderr
    assert not (tmp_path / "out.png").exists()


def test_a_reference_goes_with_no_other_method(faceveil: Run, portrait_path: Path) -> None:
    done = faceveil("protect", str(portrait_path), "--method", "blur", "--reference", "rose")
    assert done.returncode == 2
    assert b"--reference asks for makeup and --method asks for blur" in done.stderr
