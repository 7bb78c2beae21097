"""Who plays which part."""

from __future__ import annotations

import pytest

from faceveil.bench.cast import cast
from faceveil.core.errors import UsageError
from faceveil.data.pictures import Picture, Pictures
from faceveil.io.photo import Photo


def never() -> Photo:
    raise AssertionError("a cast is made from names alone")


def album(**photos: str) -> Pictures:
    """``album(ada="a b")`` shows ada in a.png and b.png."""
    return Pictures(
        "album",
        {
            person: tuple(Picture(f"{person}/{name}.png", person, never) for name in names.split())
            for person, names in photos.items()
        },
    )


ALBUM = album(ada="1 2 3", bob="gallery probe", cid="1 2", dan="1", eve="1 2")


def names(pictures: tuple[Picture, ...]) -> list[str]:
    return [picture.name for picture in pictures]


def test_one_picture_of_each_probe_and_target_is_worked_with_and_the_others_are_searched() -> None:
    parts = cast(ALBUM, probes=":2", targets="cid", distractors="dan")
    assert names(parts.probes) == ["ada/3.png", "bob/probe.png"]
    assert names(parts.targets) == ["cid/2.png"]
    assert names(parts.gallery) == [
        "ada/1.png",
        "ada/2.png",
        "bob/gallery.png",
        "cid/1.png",
        "dan/1.png",
    ]
    assert parts.probe_people == ["ada", "bob"]
    assert parts.target_people == ["cid"]
    assert parts.gallery_people == ["ada", "ada", "bob", "cid", "dan"]
    assert [parts.other(person) for person in ("ada", "bob", "dan", "eve")] == [
        [0, 1],
        [2],
        [4],
        [],
    ]


def test_a_person_called_so_is_shown_by_the_picture_called_probe_whatever_comes_after() -> None:
    parts = cast(album(ada="probe zebra"), probes="ada", targets="", distractors="")
    assert names(parts.probes) == ["ada/probe.png"]
    assert names(parts.gallery) == ["ada/zebra.png"]


def test_distractors_need_one_picture_only_and_nobody_may_be_missing_a_part() -> None:
    parts = cast(ALBUM, probes="ada", targets="", distractors="bob-eve")
    assert len(parts.gallery) == 2 + 2 + 2 + 1 + 2
    assert not parts.targets


@pytest.mark.parametrize(
    ("probes", "targets", "distractors", "said"),
    [
        ("", "cid", "", "album: say who is protected"),
        (":2", "bob-cid", "", "album: bob can only play one part of probes, targets, distractors"),
        (":2", "cid", "ada", "album: ada can only play one part"),
        ("ada", "cid", "cid-eve", "album: cid can only play one part"),
        ("dan", "", "", "album: dan has one picture only, but must have another"),
        ("ada", "dan", "", "album: dan has one picture only"),
        (":9", "", "", "':9' does not choose among 5 people"),
        ("zoe", "", "", "'zoe' names nobody here"),
        ("ada", "4:4", "", "'4:4' does not choose"),
    ],
)
def test_what_cannot_be_cast_is_refused(
    probes: str, targets: str, distractors: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        cast(ALBUM, probes=probes, targets=targets, distractors=distractors)
