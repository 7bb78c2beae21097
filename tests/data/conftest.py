"""Small picture files, each of a colour of its own."""

from __future__ import annotations

from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


@pytest.fixture(scope="session")
def picture_bytes() -> Callable[..., bytes]:
    """A PNG, or another kind of file, filled with one shade of grey."""

    def encode(shade: int, kind: str = "PNG") -> bytes:
        stream = BytesIO()
        Image.fromarray(np.full((12, 12, 3), shade, np.uint8)).save(stream, kind)
        return stream.getvalue()

    return encode


@pytest.fixture
def people(tmp_path: Path, picture_bytes: Callable[..., bytes]) -> Path:
    """A folder of three people: ada with two pictures, bob with one, and cid with one."""
    for shade, name in enumerate(("ada/b.png", "ada/a.JPG", "cid/c.png", "bob/d.png")):
        path = tmp_path / "people" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(picture_bytes(shade, "JPEG" if name.endswith("JPG") else "PNG"))
    return tmp_path / "people"
