"""Lines of an audit, and what several seeds say together."""

from __future__ import annotations

import pytest

from faceveil.bench.audit.found import Found, given_away, pooled, recognition
from faceveil.core import config
from faceveil.measures.rate import Rate

ONE = {"mean": 0.5, "n": 4, "low": 0.25, "high": 0.75}


def outcome(title: str, victim: str, threat: str, *measures: str) -> dict[str, object]:
    return {
        "title": title,
        "victim": victim,
        "threat": threat,
        "figures": dict.fromkeys(measures, ONE),
    }


def test_a_training_is_asked_about_people_it_knows() -> None:
    line = recognition("ahm", 2, {"photos/rank-1": ONE, "strangers/rank-1": ONE})
    assert line == Found(
        "ahm", 2, "recognition", "held-out photos", figures={"rank-1": Rate(0.5, 4, 0.25, 0.75)}
    )


def test_what_an_inversion_wrote_becomes_lines_by_kind() -> None:
    record = {
        "outcomes": [
            outcome("eigenfaces", "none", "white-box", "Acc@1"),
            outcome("eigenfaces", "none-untrained", "white-box", "Acc@1"),
            outcome("membership", "none", "white-box", "AUC"),
            outcome("mean public face", "", "floor", "Acc@1"),
            outcome("held-out photos", "", "ceiling", "Acc@1"),
        ],
        "left_out": {"recovery": "Nothing leaks."},
    }
    lines = list(given_away("none", 0, record))
    assert [(one.kind, one.what, one.threat) for one in lines] == [
        ("attack", "eigenfaces", "white-box"),
        ("floor", "eigenfaces, nothing learnt", "white-box"),
        ("membership", "membership", "white-box"),
        ("floor", "mean public face", ""),
        ("ceiling", "held-out photos", ""),
        ("left out", "recovery", ""),
    ]
    assert lines[-1].reason == "Nothing leaks."
    for line in lines:
        assert config.build(Found, config.plain(line), where="here") == line


def test_more_seeds_are_more_trials_and_no_more_people() -> None:
    together = pooled("SSIM", [Rate(0.2, 20, 0.1, 0.4), Rate(0.4, 20, 0.2, 0.6)])
    assert together.n == 40
    assert (together.mean, together.low, together.high) == pytest.approx((0.3, 0.15, 0.5))


def test_a_seed_with_no_hit_is_not_sure_of_it() -> None:
    none, one = Rate(0.0, 20, 0.0, 0.0, 20), Rate(0.05, 20, 0.01, 0.24, 20)
    assert pooled("Acc@1", [none, none]) == Rate(0.0, 40, 0.0, 0.0, 20)  # told as a whole
    mixed = pooled("Acc@1", [none, one])
    assert mixed.low == pytest.approx(0.005)
    assert mixed.high == pytest.approx((1 - 0.025 ** (1 / 20) + 0.24) / 2)
    assert pooled("SSIM", [none, one]).high == pytest.approx(0.12)
