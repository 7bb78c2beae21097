"""A result of makeup depends on what the reference shows, not on its name."""

from __future__ import annotations

import shutil
from pathlib import Path

from faceveil.bench import origins
from faceveil.masks.glaze import STYLES
from faceveil.masks.makeup import Makeup
from faceveil.masks.obfuscate import Darken


def test_another_picture_under_the_same_name_is_another_origin(tmp_path: Path) -> None:
    path = tmp_path / "style.png"
    shutil.copy(STYLES / "rose.png", path)
    before = origins.reference(Makeup(reference=str(path)))
    assert before == origins.reference(Makeup(reference="rose"))
    shutil.copy(STYLES / "plum.png", path)
    assert origins.reference(Makeup(reference=str(path))) != before


def test_other_methods_depend_on_no_reference() -> None:
    assert origins.reference(Darken()) == {}
