"""Protocols from presets, files and single fields; what is named later wins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faceveil.bench import presets
from faceveil.bench.protocols.tip_im import TipIm
from faceveil.bench.registry import PROTOCOLS
from faceveil.core.errors import UsageError


def build(name: str = "tip-im", **usual: Any) -> Any:
    return presets.build(name, **{"wanted": {"data": "orl"}, **usual})


def test_without_a_word_a_protocol_has_its_defaults() -> None:
    assert build() == TipIm(data="orl")


def test_file_over_preset_options_over_file_and_single_fields_over_all(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('protocol = "tip-im"\nprobes = ":20"\ntargets = "20:30"\nbatches = [2]\n')
    found = build(
        preset="report",
        file=file,
        wanted={"data": "orl", "targets": "30:40", "victims": ["dlib"]},
        assignments=["batches=[3, 4]", "settings.tip-im.method.steps=9", "seed=5"],
    )
    assert found.gammas == (0, 0.0007, 0.007, 0.1, 1.75)  # of the preset
    assert found.probes == ":20"
    assert found.targets == "30:40"
    assert found.victims == ("dlib",)
    assert found.batches == (3, 4)
    assert found.seed == 5
    method = found.settings["tip-im"]["method"]
    assert (method["steps"], method["objective"]) == (9, "code")


@pytest.mark.parametrize(
    ("name", "preset"), [(name, one) for name in PROTOCOLS for one in presets.presets(name)]
)
def test_every_preset_fits_its_protocol_and_opens_with_its_command(name: str, preset: str) -> None:
    assert isinstance(build(name, preset=preset), PROTOCOLS[name])
    text = (presets.FOLDER / name / f"{preset}.toml").read_text(encoding="utf-8")
    assert text.startswith(f"# faceveil bench {name} --preset {preset} ")


def test_the_report_states_all_that_was_reported() -> None:
    report = build(preset="report")
    assert set(report.counterparts) == set(report.surrogates) == set(report.victims)
    theirs = set(report.counterparts.values())
    for one in report.reported:
        assert {one.surrogate, *one.by_victim} <= theirs
        assert one.gamma in report.gammas
    # Shared data's table at gamma 0: four measures by three surrogates.
    at_zero = [(one.measure, one.surrogate) for one in report.reported if one.gamma == 0]
    assert len(at_zero) == len(set(at_zero)) == 12


@pytest.mark.parametrize(
    ("name", "usual", "said"),
    [
        ("tip_im", {}, "no protocol 'tip_im'; there are tip-im, psr"),
        ("tip-im", {"preset": "repor"}, "tip-im has no preset 'repor'; there are: .*report"),
        ("tip-im", {"file": Path("gone.toml")}, r"gone\.toml: cannot be read"),
        ("tip-im", {"assignments": ["probez=3"]}, "tip-im: probez: there is no such field"),
        ("tip-im", {"assignments": ["probes"]}, "write it as key=value"),
        ("tip-im", {"assignments": ["gammas=[x]"]}, "tip-im: gammas"),
        ("tip-im", {"assignments": ["alignment=sideways"]}, "tip-im: alignment"),
        ("tip-im", {"assignments": ["settings.mim.method=3"]}, "tip-im: settings.mim.method"),
        ("tip-im", {"assignments": ["protocol=psr"]}, "of the protocol 'psr', not of tip-im"),
        ("clean", {"assignments": ["methods=[]"]}, "clean: methods: there is no such field"),
        ("psr", {"assignments": ["levels=[{ssimulacra2 = 50}]"]}, "psr: levels"),
        ("psr", {"wanted": {}}, "psr: say what is measured on"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(name: str, usual: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        build(name, **usual)


def test_a_file_of_another_protocol_is_refused(tmp_path: Path) -> None:
    (tmp_path / "protocol.toml").write_text('protocol = "clean"\ndata = "orl"\n')
    with pytest.raises(UsageError, match="of the protocol 'clean', not of tip-im"):
        build(file=tmp_path / "protocol.toml")
