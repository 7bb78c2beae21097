"""Settings from mappings, and back."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceveil.app.settings import Run, Settings
from faceveil.core.errors import UsageError
from faceveil.masks.iterative import Dim
from faceveil.masks.veil import Veil


def test_nothing_said_means_a_veil() -> None:
    settings = Settings.build({})
    assert settings == Settings()
    assert isinstance(settings.method, Veil)


def test_budget_and_views_start_from_the_methods_own() -> None:
    settings = Settings.build({"method": {"name": "dim", "steps": 7}, "budget": {"region": "head"}})
    assert settings.method == Dim(steps=7)
    assert settings.views == Dim.default_views
    assert settings.budget.eps == Dim.default_budget.eps
    assert settings.budget.region == "head"
    assert Settings.build({"method": {"name": "blur"}}).budget.eps == 255


def test_targets_count_unless_another_goal_is_named() -> None:
    assert Settings.build({}).run.goal == "dodge"
    assert Settings.build({"run": {"targets": "people"}}).run.goal == "both"
    assert Settings.build({"run": {"targets": "people", "goal": "dodge"}}).run.goal == "dodge"
    aimed = Settings.build({"method": {"name": "fawkes-low"}, "run": {"targets": "people"}})
    assert aimed.run.goal == "impersonate"


def test_plain_builds_the_same_again() -> None:
    settings = Settings.build(
        {"method": {"name": "pgd"}, "run": {"faces": 2, "targets": "people", "seed": 5}}
    )
    assert settings.run.targets == Path("people")
    assert Settings.build(settings.plain()) == settings


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"metod": {}}, "metod"),
        ({"method": "tip-im"}, "method"),
        ({"method": {"name": "nope"}}, "nope"),
        ({"method": {"name": "tip-im", "step": 3}}, "step"),
        ({"method": {"name": "tip-im", "steps": "many"}}, "steps"),
        ({"budget": {"eps": -1}}, "eps"),
        ({"views": {"jpeg": [3]}}, "jpeg"),
        ({"run": {"faces": 0}}, "faces"),
        ({"run": {"faces": "most"}}, "faces"),
        ({"run": {"quality": 0}}, "quality"),
        ({"run": {"surrogates": ["dlib"], "held_out": ["dlib"]}}, "dlib"),
    ],
)
def test_what_is_wrong_is_named(values: dict[str, object], named: str) -> None:
    with pytest.raises(UsageError, match=named):
        Settings.build(values)


@pytest.mark.parametrize("surrogates", [5, "dlib"])
def test_surrogates_are_a_list(surrogates: object) -> None:
    with pytest.raises(UsageError, match="surrogates"):
        Settings.build({"run": {"surrogates": surrogates}})


@pytest.mark.parametrize(("faces", "n"), [("all", None), ("largest", 1), (3, 3)])
def test_how_many_faces(faces: str | int, n: int | None) -> None:
    assert Run(faces=faces).n_faces == n  # type: ignore[arg-type]


def test_whoever_helps_is_not_held_out_where_nobody_is_named() -> None:
    run = Settings.build({"run": {"surrogates": ["faceres", "dlib"]}}).run
    assert (run.surrogates, run.held_out) == (("faceres", "dlib"), ())
    assert Settings.build({"run": {"surrogates": ["faceres"]}}).run.held_out == ("dlib",)
