from __future__ import annotations

import pytest

from faceveil.core.errors import UsageError
from faceveil.data.pictures import Picture, Pictures, select
from faceveil.io.photo import Photo

PEOPLE = [f"id{number:03d}" for number in range(200)]


def unread() -> Photo:
    raise AssertionError("nobody asked for this picture's bytes")


def test_a_range_holds_both_its_ends() -> None:
    assert select(PEOPLE, "id000-id049") == tuple(PEOPLE[:50])
    assert select(PEOPLE, "id199-id199") == ("id199",)


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [("0:50", PEOPLE[:50]), ("150:", PEOPLE[150:]), (":2", PEOPLE[:2]), (":", PEOPLE)],
)
def test_places_count_from_0_and_stop_before_the_last(chosen: str, expected: list[str]) -> None:
    assert select(PEOPLE, chosen) == tuple(expected)


def test_one_name_is_one_person() -> None:
    assert select(PEOPLE, "id007") == ("id007",)


def test_names_may_hold_dashes_and_colons() -> None:
    people = ["Abdul-Rahman", "Jean-Luc", "Mary-Kate", "1:2"]
    assert select(people, "Abdul-Rahman") == ("Abdul-Rahman",)
    assert select(people, "Abdul-Rahman-Mary-Kate") == tuple(people[:3])
    assert select(people, "1:2") == ("1:2",)


def test_the_order_is_that_of_the_set_and_not_of_the_alphabet() -> None:
    assert select([f"s{number}" for number in range(1, 41)], "s2-s10") == tuple(
        f"s{number}" for number in range(2, 11)
    )


@pytest.mark.parametrize("chosen", ["id000-id0049", "id000", "", "id000:id049", "-", "1-5", "-5:"])
def test_what_names_nobody_is_refused(chosen: str) -> None:
    with pytest.raises(UsageError, match=r"names nobody here.* 2 people, from ada to bob"):
        select(["ada", "bob"], chosen)


@pytest.mark.parametrize("chosen", ["0:201", "5:5", "7:3", "200:", "id049-id000"])
def test_what_chooses_nobody_or_more_than_there_are_is_refused(chosen: str) -> None:
    with pytest.raises(UsageError, match=f"'{chosen}' does not choose among 200 people"):
        select(PEOPLE, chosen)


def test_a_selection_keeps_the_pictures_and_reads_none() -> None:
    pictures = Pictures(
        "set", {name: [Picture(f"{name}/{i}", name, unread) for i in (1, 2)] for name in PEOPLE}
    )
    some = pictures.select("id150-id151")
    assert some.name == "set id150-id151"
    assert some.people == ("id150", "id151")
    assert [each.name for each in some] == ["id150/1", "id150/2", "id151/1", "id151/2"]
    assert (len(some), len(pictures)) == (4, 400)
