"""Which recognisers an audit trains and how it attacks them; what does not fit is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faceveil.bench.audit.protocol import Inversion
from faceveil.bench.presets import FOLDER, build_audit, presets
from faceveil.core import config
from faceveil.core.errors import UsageError
from faceveil.inversion.eigenfaces import Eigenfaces
from faceveil.training.ahm import Ahm
from faceveil.training.margins import ArcFace


def audit(**fields: Any) -> Inversion:
    usual: dict[str, Any] = {
        "defences": {"none": {}, "ahm": {"defence": {"name": "ahm"}, "epochs": 9}},
        "recipe": {"preset": "plain-orl", "epochs": 7},
        "seeds": (4, 5),
    }
    return config.build(Inversion, {**usual, **fields}, where="inversion")


def build_all(fields: dict[str, Any]) -> None:
    one = audit(**fields)
    one.cases()
    one.made()


def test_every_defence_is_trained_with_every_seed() -> None:
    cases = audit().cases()
    assert [(one.defence, one.seed) for one in cases] == [
        ("none", 4), ("ahm", 4), ("none", 5), ("ahm", 5),
    ]  # fmt: skip
    for case in cases:
        assert (case.recipe.name, case.recipe.seed) == (case.defence, case.seed)
        assert case.recipe.size_px == 56  # of the preset
    assert [case.recipe.epochs for case in cases[:2]] == [7, 9]
    assert isinstance(cases[1].recipe.defence, Ahm)
    assert cases[1].folder(Path("run")) == Path("run/cases/ahm-4")


def test_a_field_of_all_recipes_leaves_the_rest_of_a_defence_alone() -> None:
    one = audit(
        defences={
            "none": {},
            "b": {"preset": "negative-label-smoothing-orl", "margin": {"m": 0.2}},
        },
        recipe={"preset": "plain-orl", "margin": {"s": 24}},
        seeds=(0,),
    )
    margins = {case.defence: case.recipe.margin for case in one.cases()}
    assert (margins["none"].s, margins["none"].smoothing) == (24, 0)
    assert (margins["b"].s, margins["b"].smoothing) == (24, -0.05)
    assert margins["b"] == ArcFace(s=24, m=0.2, smoothing=-0.05)


def test_settings_are_the_attacks_own() -> None:
    settings = {"eigenfaces": {"steps": 3, "prior": 0.5}, "mi-face": {"steps": 1}}
    (made,) = audit(settings=settings).made()
    assert made == Eigenfaces(steps=3, prior=0.5)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"control": "plain"}, "no defence is called 'plain'"),
        ({"seeds": ()}, "name one seed or several"),
        ({"seeds": (1, 1)}, "name one seed or several"),
        ({"defences": {"none": {}, "b": {"size_px": 32}}}, "b and none differ in size_px"),
        ({"defences": {"none": {"defence": "shield"}}}, "defence none: .*no defence 'shield'"),
        ({"defences": {"none": {"preset": "x"}}}, "defence none: There is no preset 'x'"),
        ({"attacks": ("magic",)}, "There is no attack 'magic'"),
        ({"settings": {"magic": {"steps": 1}}}, "There is no attack 'magic'"),
        ({"settings": {"eigenfaces": {"step": 1}}}, "eigenfaces: step: there is no such field"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build_all(fields)


def test_the_preset_is_an_audit_and_quick_is_the_same_made_small() -> None:
    whole, quick = (build_audit(named=named) for named in (["orl"], ["orl", "quick/orl"]))
    attacks = [one.name for one in whole.made()]
    assert len(whole.defences) >= 6
    assert len(attacks) >= 5
    assert len(whole.seeds) >= 3
    assert [one.name for one in quick.made()] == attacks
    assert set(quick.defences) == set(whole.defences)
    for case in whole.cases():
        assert case.recipe.data == "orl"
        assert getattr(case.recipe.defence, "draws", "seeded") == "seeded"  # can be repeated
    assert len(quick.cases()) == len(whole.defences)
    for name in presets("inversion"):
        text = (FOLDER / "inversion" / f"{name}.toml").read_text(encoding="utf-8")
        assert text.startswith("# faceveil bench inversion --preset orl ")


def test_an_unknown_preset_is_refused() -> None:
    with pytest.raises(UsageError, match="inversion has no preset 'quick/mine'; there are: orl"):
        build_audit(named=["orl", "quick/mine"])
