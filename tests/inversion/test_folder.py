"""What is finished is found again, and folders are not mixed up."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from faceveil.core.errors import ModelError, UsageError
from faceveil.inversion.attack import Reconstruction
from faceveil.inversion.folder import Shelf, claim
from faceveil.inversion.mi_face import MiFace
from faceveil.inversion.stage import Stage
from faceveil.inversion.victim import untrained


def found() -> Reconstruction:
    draw = torch.Generator().manual_seed(0)
    images = (torch.rand(2, 3, 12, 12, generator=draw) * 255).round() / 255
    return Reconstruction(images, torch.tensor([0.9, 0.25]))


def test_what_was_put_there_is_got_back_bit_by_bit(tmp_path: Path, scene: Stage) -> None:
    shelf = Shelf(tmp_path, MiFace(), scene.victim, scene.public.photos)
    assert shelf.get("ann") is None
    shelf.put("ann", found())
    again = Shelf(tmp_path, MiFace(), scene.victim, scene.public.photos).get("ann")
    assert again is not None
    assert torch.equal(again.images, found().images)
    assert torch.equal(again.confidence, found().confidence)
    assert {path.name for path in tmp_path.iterdir()} == {
        "ann.png", "others", "ann.json", "attack.toml",
    }  # fmt: skip


def test_a_person_called_like_anothers_second_picture_is_not_mixed_up(
    tmp_path: Path, scene: Stage
) -> None:
    shelf = Shelf(tmp_path, MiFace(), scene.victim, scene.public.photos)
    other = Reconstruction(1 - found().images, found().confidence)
    shelf.put("ann.2", other)
    shelf.put("ann", found())
    for person, put in (("ann", found()), ("ann.2", other)):
        got = shelf.get(person)
        assert got is not None
        torch.testing.assert_close(got.images, put.images)


def test_pictures_without_a_record_are_not_finished(tmp_path: Path, scene: Stage) -> None:
    shelf = Shelf(tmp_path, MiFace(), scene.victim, scene.public.photos)
    shelf.put("ann", found())
    (tmp_path / "ann.json").unlink()
    assert shelf.get("ann") is None


def test_a_damaged_file_and_another_origin_are_said(tmp_path: Path, scene: Stage) -> None:
    shelf = Shelf(tmp_path, MiFace(), scene.victim, scene.public.photos)
    shelf.put("ann", found())
    (tmp_path / "others" / "ann.2.png").write_bytes(b"no picture")
    with pytest.raises(ModelError, match=r"what was found of ann cannot be read .* delete this"):
        shelf.get("ann")
    public = scene.public.photos
    assert scene.run is not None
    for attack, victim, faces, said in (
        (MiFace(steps=7), scene.victim, public, "settings"),
        (MiFace(), scene.victim, 1 - public, "public"),
        (MiFace(), untrained(scene.run), public, "victim"),
    ):
        with pytest.raises(UsageError, match=f"what mi-face gave with other {said}"):
            Shelf(tmp_path, attack, victim, faces)


def test_a_folder_belongs_to_one_inversion(tmp_path: Path) -> None:
    origin = {"model": "runs/a", "seed": 0}
    claim(tmp_path / "out", origin)
    claim(tmp_path / "out", origin)
    with pytest.raises(UsageError, match=r"another model \(runs/a, not runs/b\)"):
        claim(tmp_path / "out", {**origin, "model": "runs/b"})
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "recipe.toml").write_text("", encoding="utf-8")
    with pytest.raises(UsageError, match="holds something else already"):
        claim(tmp_path / "mine", origin)
