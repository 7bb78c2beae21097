"""Which photos are meant, and where each veiled one goes."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from faceveil.core.errors import UsageError
from faceveil.io.find import Found, check_not, check_suffix, find, plan_outputs


@pytest.fixture
def album(tmp_path: Path) -> Path:
    """Photos, things that are none, and folders inside folders."""
    for name in (
        "b.jpg",
        "a.PNG",
        "a.veiled.png",
        "b.veiled.jpg.json",
        "notes.txt",
        "film.gif",
        ".hidden.jpg",
        ".faceveil-01234567-1-0123456789abcdef.tmp",
        "2024/c.webp",
        "2024/trip/d.heic",
        ".cache/e.jpg",
    ):
        path = tmp_path / "album" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    return tmp_path / "album"


def relatives(found: list[Found]) -> list[str]:
    return [each.relative.as_posix() for each in found]


class TestFind:
    def test_a_folder_gives_its_photos_sorted(self, album: Path) -> None:
        assert relatives(find([album], recursive=False)) == ["a.PNG", "b.jpg"]

    def test_and_those_in_folders_inside(self, album: Path) -> None:
        found = find([album], recursive=True)
        assert relatives(found) == ["2024/c.webp", "2024/trip/d.heic", "a.PNG", "b.jpg"]
        assert [each.path for each in found] == [album / each.relative for each in found]

    def test_a_named_file_is_meant_whatever_it_is_called(self, album: Path) -> None:
        named = [album / "notes.txt", album / "a.veiled.png", album / ".hidden.jpg"]
        found = find(named, recursive=False)
        assert [each.path for each in found] == named
        assert relatives(found) == ["notes.txt", "a.veiled.png", ".hidden.jpg"]

    def test_a_photo_meant_twice_is_found_once(
        self, album: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(album)
        found = find([Path("b.jpg"), album, Path("./b.jpg")], recursive=False)
        assert relatives(found) == ["b.jpg", "a.PNG"]

    def test_the_output_folder_is_not_entered(self, album: Path) -> None:
        found = find([album], recursive=True, exclude=album / "2024")
        assert relatives(found) == ["a.PNG", "b.jpg"]

    def test_links_to_folders_cannot_trap_it(self, album: Path) -> None:
        (album / "loop").symlink_to(album, target_is_directory=True)
        (album / "self.jpg").symlink_to(album / "self.jpg")
        (album / "gone.jpg").symlink_to(album / "missing.jpg")
        (album / "link.jpg").symlink_to(album / "b.jpg")
        assert relatives(find([album], recursive=True))[2:] == ["a.PNG", "b.jpg", "link.jpg"]

    def test_a_folder_called_like_a_photo(self, album: Path) -> None:
        (album / "folder.jpg").mkdir()
        assert "folder.jpg" not in relatives(find([album], recursive=True))

    def test_nothing_there(self, album: Path) -> None:
        with pytest.raises(UsageError, match=r"missing\.jpg does not exist"):
            find([album / "missing.jpg"], recursive=False)
        (album / "empty").mkdir()
        assert find([album / "empty"], recursive=True) == []

    def test_a_folder_that_cannot_be_read(
        self, album: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def deny(_: object) -> None:
            raise PermissionError(13, "Permission denied")

        monkeypatch.setattr(os, "scandir", deny)
        with pytest.raises(UsageError, match=r"album cannot be read: Permission denied"):
            find([album], recursive=False)

    def test_a_path_that_may_not_be_looked_at(
        self, album: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def deny(self: Path) -> None:
            raise PermissionError(13, "Permission denied")

        found = find([album], recursive=False)
        monkeypatch.setattr(Path, "is_dir", deny)
        with pytest.raises(UsageError, match=r"b\.jpg cannot be read: Permission denied"):
            find([album / "b.jpg"], recursive=False)
        with pytest.raises(UsageError, match=r"out cannot be read: Permission denied"):
            plan_outputs(found, album / "out")

    def test_a_link_that_may_not_be_followed_stops_nothing(
        self, album: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        is_dir = Path.is_dir

        def deny(self: Path) -> bool:
            if self.name == "secret.jpg":
                raise PermissionError(13, "Permission denied")
            return is_dir(self)

        before = find([album], recursive=False)
        (album / "secret.jpg").symlink_to(album / "b.jpg")
        monkeypatch.setattr(Path, "is_dir", deny)
        found = [one.path for one in find([album], recursive=False)]
        assert sorted(found) == sorted([*(one.path for one in before), album / "secret.jpg"])

    def test_a_photo_is_not_called_like_another_format(self) -> None:
        check_suffix(Path("me.jpeg"), "JPEG", "me.jpg")
        check_suffix(Path("me"), "JPEG", "me.jpg")
        with pytest.raises(UsageError, match=r"give it the suffix \.jpg"):
            check_suffix(Path("me.png"), "JPEG", "me.jpg")

    def test_a_photo_is_not_written_over_itself(self, album: Path) -> None:
        check_not(album / "new.jpg", album / "b.jpg")
        (album / "same.jpg").hardlink_to(album / "b.jpg")
        for itself in (album / "b.jpg", album / "inner" / ".." / "b.jpg", album / "same.jpg"):
            with pytest.raises(UsageError, match="itself, which stays"):
                check_not(itself, album / "b.jpg")


class TestPlanOutputs:
    def test_beside_the_original(self, album: Path) -> None:
        planned = plan_outputs(find([album], recursive=True), None)
        assert [output.relative_to(album).as_posix() for _, output in planned] == [
            "2024/c.veiled.webp",
            "2024/trip/d.veiled.heic",
            "a.veiled.PNG",
            "b.veiled.jpg",
        ]

    def test_another_word(self, album: Path) -> None:
        found = find([album / "b.jpg"], recursive=False)
        assert plan_outputs(found, None, suffix="safe")[0][1] == album / "b.safe.jpg"

    def test_a_folder_keeps_the_tree(self, album: Path, tmp_path: Path) -> None:
        found = find([album], recursive=True)
        planned = plan_outputs(found, tmp_path / "out")
        assert planned == [(each.path, tmp_path / "out" / each.relative) for each in found]

    def test_a_file_name_for_a_single_photo(self, album: Path, tmp_path: Path) -> None:
        one = find([album / "b.jpg"], recursive=False)
        for name in ("new.jpg", "new.JPEG"):
            assert plan_outputs(one, tmp_path / name) == [(album / "b.jpg", tmp_path / name)]
        # A folder that exists is one even when it is called like a photo.
        (tmp_path / "dir.jpg").mkdir()
        assert plan_outputs(one, tmp_path / "dir.jpg")[0][1] == tmp_path / "dir.jpg" / "b.jpg"

    def test_a_file_of_a_kind_that_is_not_written_is_no_folder(
        self, album: Path, tmp_path: Path
    ) -> None:
        for found in (find([album / "b.jpg"], recursive=False), find([album], recursive=True)):
            with pytest.raises(UsageError, match=r"out\.GIF: faceveil writes no such files"):
                plan_outputs(found, tmp_path / "out.GIF")

    def test_a_file_name_of_another_format(self, album: Path, tmp_path: Path) -> None:
        one = find([album / "b.jpg"], recursive=False)
        with pytest.raises(UsageError, match=r"format of .*b\.jpg, which is kept"):
            plan_outputs(one, tmp_path / "new.png")

    def test_one_file_for_several_photos(self, album: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="one file for 2 photos"):
            plan_outputs(find([album], recursive=False), tmp_path / "new.jpg")
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(UsageError, match="one file for 2 photos"):
            plan_outputs(find([album], recursive=False), tmp_path / "file")

    @pytest.mark.parametrize("other", ["b.jpg", "B.JPG"])
    def test_two_photos_for_one_output(self, album: Path, tmp_path: Path, other: str) -> None:
        (album / "2024" / other).write_bytes(b"")
        found = find([album / "b.jpg", album / "2024" / other], recursive=False)
        with pytest.raises(UsageError, match=rf"album/b\.jpg and .*2024/{other} would both"):
            plan_outputs(found, tmp_path / "out")

    def test_accents_spelt_two_ways_are_one_name(self, tmp_path: Path) -> None:
        found = [
            Found(tmp_path / "1" / "e\u0301.jpg", Path("e\u0301.jpg")),
            Found(tmp_path / "2" / "\u00e9.jpg", Path("\u00e9.jpg")),
        ]
        with pytest.raises(UsageError, match="would both be written"):
            plan_outputs(found, tmp_path / "out")

    def test_capitals_tell_apart_where_they_already_do(self, tmp_path: Path) -> None:
        found = [Found(tmp_path / name, Path(name)) for name in ("a.jpg", "A.jpg")]
        assert len(plan_outputs(found, None)) == 2

    def test_no_input_is_written_over(self, album: Path) -> None:
        found = find([album], recursive=False)
        with pytest.raises(UsageError, match=r"written over .*an input.*--in-place"):
            plan_outputs(found, album)
        (album / "link").symlink_to(album, target_is_directory=True)
        with pytest.raises(UsageError, match="written over"):
            plan_outputs(found, album / "link")

    def test_a_second_run_over_a_shells_star(self, tmp_path: Path) -> None:
        for name in ("a.jpg", "a.veiled.jpg"):
            (tmp_path / name).write_bytes(b"")
        found = find([tmp_path / "a.jpg", tmp_path / "a.veiled.jpg"], recursive=False)
        with pytest.raises(UsageError, match=r"a\.jpg would be written over .*a\.veiled\.jpg"):
            plan_outputs(found, None)
