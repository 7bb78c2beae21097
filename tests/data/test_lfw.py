from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from faceveil.core.errors import UsageError
from faceveil.data.lfw import open_lfw
from faceveil.data.pictures import Pair

TWO_FOLDS = """2\t1
Ada_Byron\t1\t2
Ada_Byron\t2\tBob\t1
Cid\t1\t2
Bob\t1\tCid\t2
"""
ONE_FOLD = """2
Ada_Byron\t1\t2
Cid\t1\t2
Ada_Byron\t2\tBob\t1
Bob\t1\tCid\t2
"""


@pytest.fixture
def lfw(tmp_path: Path, picture_bytes: Callable[..., bytes]) -> Path:
    for shade, name in enumerate(
        ("Ada_Byron_0001", "Ada_Byron_0002", "Bob_0001", "Cid_0001", "Cid_0002")
    ):
        folder = tmp_path / "lfw" / name[:-5]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{name}.jpg").write_bytes(picture_bytes(shade, "JPEG"))
    (tmp_path / "lfw" / "pairs.txt").write_text(TWO_FOLDS)
    return tmp_path / "lfw"


def test_the_ten_fold_form(lfw: Path) -> None:
    pairs = open_lfw(lfw)
    assert (pairs.name, pairs.alignment) == ("lfw", "detector")
    assert [each.name for each in pairs.pictures] == [
        "Ada_Byron/Ada_Byron_0001.jpg",
        "Ada_Byron/Ada_Byron_0002.jpg",
        "Bob/Bob_0001.jpg",
        "Cid/Cid_0001.jpg",
        "Cid/Cid_0002.jpg",
    ]
    assert [each.person for each in pairs.pictures][1:3] == ["Ada_Byron", "Bob"]
    assert [each.read().pixels[0, 0, 0] for each in pairs.pictures] == [0, 1, 2, 3, 4]
    assert pairs.pairs == [
        Pair(0, 1, same=True, fold=0),
        Pair(1, 2, same=False, fold=0),
        Pair(3, 4, same=True, fold=1),
        Pair(2, 4, same=False, fold=1),
    ]


def test_the_form_of_one_fold(lfw: Path) -> None:
    (lfw / "pairs.txt").write_text(ONE_FOLD)
    assert [(each.same, each.fold) for each in open_lfw(lfw).pairs] == [
        (True, 0),
        (True, 0),
        (False, 0),
        (False, 0),
    ]


def test_the_size_of_the_real_list(tmp_path: Path, picture_bytes: Callable[..., bytes]) -> None:
    people = [f"P{number}" for number in range(4)]
    for person in people:
        (tmp_path / person).mkdir()
        for number in (1, 2):
            (tmp_path / person / f"{person}_{number:04d}.jpg").write_bytes(picture_bytes(number))
    fold = ["P0\t1\t2"] * 300 + ["P1\t1\tP2\t2"] * 300
    (tmp_path / "pairs.txt").write_text("\n".join(["10\t300", *fold * 10]) + "\n")
    pairs = open_lfw(tmp_path).pairs
    assert len(pairs) == 6000
    assert [sum(each.fold == fold for each in pairs) for fold in range(10)] == [600] * 10
    assert sum(each.same for each in pairs) == 3000


def test_spaces_windows_line_ends_and_pngs_will_do(lfw: Path) -> None:
    expected = open_lfw(lfw)
    (lfw / "pairs.txt").write_bytes(TWO_FOLDS.replace("\t", " ").replace("\n", "\r\n").encode())
    for path in lfw.glob("*/*.jpg"):
        path.rename(path.with_suffix(".png"))
    pairs = open_lfw(lfw)
    assert pairs.pairs == expected.pairs
    assert pairs.pictures[0].name == "Ada_Byron/Ada_Byron_0001.png"


@pytest.mark.parametrize("cut", [TWO_FOLDS.rsplit("Bob", 1)[0], TWO_FOLDS + "Cid\t1\t2\n"])
def test_a_wrong_count_is_refused(lfw: Path, cut: str) -> None:
    (lfw / "pairs.txt").write_text(cut)
    with pytest.raises(UsageError, match=r"promises 2 x \(1 \+ 1\) pairs and lists (3|5)"):
        open_lfw(lfw)


@pytest.mark.parametrize("text", ["", "0 0\n", "10 x\n", "10 300 5\n", "Ada_Byron\t1\t2\n"])
def test_a_list_without_its_counts_is_refused(lfw: Path, text: str) -> None:
    (lfw / "pairs.txt").write_text(text)
    with pytest.raises(UsageError, match=r"does not begin with FOLDS COUNT|promises 0"):
        open_lfw(lfw)


@pytest.mark.parametrize(
    ("good", "bad", "message"),
    [
        ("Ada_Byron\t1\t2", "Ada_Byron\t1\tCid\t2", r"line 2: .* NAME I J, one person's pair"),
        ("Ada_Byron\t2\tBob\t1", "Ada_Byron\t2\t1", r"line 3: .* NAME I NAME J, two people's"),
        ("Cid\t1\t2", "Cid\tone\ttwo", r"line 4: 'Cid\\tone\\ttwo' is not NAME I J"),
        ("Cid\t1\t2", "", "line 4: '' is not NAME I J"),
    ],
)
def test_a_line_that_is_no_pair_of_its_kind_is_named(
    lfw: Path, good: str, bad: str, message: str
) -> None:
    (lfw / "pairs.txt").write_text(TWO_FOLDS.replace(good, bad))
    with pytest.raises(UsageError, match=message):
        open_lfw(lfw)


def test_missing_photos_are_named(lfw: Path) -> None:
    (lfw / "Bob" / "Bob_0001.jpg").unlink()
    (lfw / "Bob").rmdir()
    (lfw / "Cid" / "Cid_0002.jpg").unlink()
    with pytest.raises(
        UsageError, match=r"lacks 2 of the 5 photos its pairs\.txt lists, first Bob/Bob_0001\.jpg"
    ):
        open_lfw(lfw)


def test_a_list_that_is_no_text_is_refused(lfw: Path) -> None:
    (lfw / "pairs.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="cannot be read"):
        open_lfw(lfw)
