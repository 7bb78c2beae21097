from __future__ import annotations

import pickle
from pathlib import Path

import pytest

from faceveil.core.errors import UsageError
from faceveil.data.open import is_pictures, open_pairs, open_pictures


def test_orl_is_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, people: Path) -> None:
    assert len(open_pictures("orl")) == 400
    people.rename(tmp_path / "orl")
    monkeypatch.chdir(tmp_path)
    assert len(open_pictures("orl")) == 400
    assert len(open_pictures("./orl")) == len(open_pictures(Path("orl"))) == 4


def test_a_folder_of_people_is_a_set_of_pictures(people: Path) -> None:
    assert open_pictures(str(people)).people == open_pictures(people).people


def test_what_is_known_is_told_from_a_choice_of_people(people: Path, tmp_path: Path) -> None:
    (tmp_path / "faces.rec").write_bytes(b"")
    assert all(map(is_pictures, ("orl", str(people), str(tmp_path / "faces.rec"))))
    assert not any(map(is_pictures, (":20", "anna", str(tmp_path / "none.rec"))))


def test_a_folder_with_a_list_of_pairs(people: Path) -> None:
    (people / "ada" / "ada_0001.png").write_bytes((people / "ada" / "b.png").read_bytes())
    (people / "pairs.txt").write_text("1\nada 1 1\nada 1 ada 1\n")
    assert len(open_pairs(people).pairs) == 2
    assert len(open_pictures(people)) == 5


def test_a_bin_file(tmp_path: Path) -> None:
    (tmp_path / "lfw.bin").write_bytes(pickle.dumps(([b"one", b"two"], [True])))
    assert len(open_pairs(tmp_path / "lfw.bin").pairs) == 1


@pytest.mark.parametrize("spec", ["olr", "lfw.bin", "absent/people"])
def test_what_is_no_set_of_pictures_is_told_what_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match=rf"{spec} holds no pictures by person: .* or orl\."):
        open_pictures(spec)


@pytest.mark.parametrize("spec", ["orl", "people", "absent.bin", "people/bob/d.png"])
def test_what_has_no_pairs_is_told_what_has(
    monkeypatch: pytest.MonkeyPatch, people: Path, spec: str
) -> None:
    monkeypatch.chdir(people.parent)
    with pytest.raises(UsageError, match=rf"{spec} holds no verification pairs: .*pairs\.txt in"):
        open_pairs(spec)
