from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from faceveil.core.errors import PhotoError, UsageError
from faceveil.data.folder import open_folder


def test_people_and_photos_come_in_the_order_of_their_names(people: Path) -> None:
    pictures = open_folder(people)
    assert pictures.name == "people"
    assert pictures.people == ("ada", "bob", "cid")
    assert [each.name for each in pictures] == ["ada/a.JPG", "ada/b.png", "bob/d.png", "cid/c.png"]
    assert [each.person for each in pictures] == ["ada", "ada", "bob", "cid"]
    assert [each.read().pixels[0, 0, 0] for each in pictures] == [1, 0, 3, 2]


def test_what_is_hidden_or_no_photo_does_not_count(people: Path) -> None:
    expected = [each.name for each in open_folder(people)]
    (people / "README.md").write_text("about these people")
    (people / "nobody").mkdir()
    (people / ".trash").mkdir()
    for name in (".trash/old.png", "bob/.hidden.png", "bob/notes.txt"):
        (people / name).write_bytes((people / "bob" / "d.png").read_bytes())
    assert [each.name for each in open_folder(people)] == expected


def test_bytes_are_read_when_asked_for_and_not_before(people: Path) -> None:
    pictures = open_folder(people)
    broken = people / "bob" / "d.png"
    broken.write_bytes(b"")
    assert len(open_folder(people)) == len(pictures)
    with pytest.raises(PhotoError, match=r"bob.d\.png is empty"):
        pictures.by_person["bob"][0].read()


def test_a_picture_travels_to_other_processes(people: Path) -> None:
    picture = next(iter(open_folder(people)))
    copy = pickle.loads(pickle.dumps(picture))  # noqa: S301
    assert copy.name == picture.name
    assert copy.read().sha256 == picture.read().sha256


def test_photos_outside_the_folders_are_refused(people: Path) -> None:
    (people / "loose.png").write_bytes((people / "bob" / "d.png").read_bytes())
    with pytest.raises(UsageError, match=r"loose\.png belongs to nobody: give each person a fold"):
        open_folder(people)


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="holds no photos laid out as"):
        open_folder(tmp_path)


def test_a_folder_too_high_is_refused(people: Path) -> None:
    with pytest.raises(UsageError, match="just above those of the people"):
        open_folder(people.parent)


def test_a_missing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no such folder"):
        open_folder(tmp_path / "absent")


@pytest.mark.shared
def test_celebahq_pairs(shared: Path) -> None:
    pictures = open_folder(shared / "data" / "celebahq-pairs")
    assert (len(pictures.people), len(pictures)) == (200, 400)
    first = next(iter(pictures))
    assert first.name == "id000/gallery.png"
    assert first.read().pixels.shape == (256, 256, 3)
