"""What follows from similarities, and how it is said."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from tests.app.conftest import make_face, make_verdict

from faceveil.app import sentences
from faceveil.app.verdict import Condition, FaceVerdict, Match, Outcome, Role, Verdict, record
from faceveil.core import config
from faceveil.core.errors import UsageError

ROLES: Mapping[str, Role] = {"dlib": "held out", "mobilefacenet": "surrogate"}
LOW, HIGH = (0.1, 0.1), (0.99, 0.99)


def verdict(roles: Mapping[str, Role] = ROLES, **similarities: tuple[float | None, ...]) -> Verdict:
    return make_verdict(make_face(similarities, roles))


@pytest.mark.parametrize(
    ("dlib", "mobilefacenet", "outcome"),
    [
        (LOW, LOW, "unrecognised"),
        (LOW, HIGH, "unrecognised"),
        (HIGH, LOW, "recognised"),
        ((0.1, 0.99), LOW, "fragile"),
        ((0.99, 0.1), LOW, "recognised"),
        ((None, None), HIGH, "unrecognised"),
    ],
)
def test_held_out_recognisers_decide(
    dlib: tuple[float | None, ...], mobilefacenet: tuple[float, ...], outcome: Outcome
) -> None:
    judged = verdict(dlib=dlib, mobilefacenet=mobilefacenet)
    assert judged.outcome() == outcome
    assert judged.unrecognised() == (outcome in ("unrecognised", "fragile"))


@pytest.mark.parametrize("role", ["surrogate", "unknown"])
def test_where_none_is_held_out_all_decide(role: Role) -> None:
    roles = {"dlib": role, "mobilefacenet": role}
    assert verdict(roles, dlib=LOW, mobilefacenet=HIGH).outcome() == "recognised"


def test_one_face_that_is_matched_is_enough() -> None:
    faces = [
        make_face({"dlib": values}, ROLES, index=i) for i, values in enumerate((LOW, HIGH, LOW))
    ]
    judged = make_verdict(*faces)
    assert judged.outcome() == "recognised"
    assert sentences.of_verdict(judged) == "Still recognised: dlib matches 1 of 3 faces."


def test_a_threshold_is_reached_at_equality() -> None:
    match = Match("dlib", "held out", 0.911, (0.911, 0.928, None))
    assert [match.matched(far) for far in (0.01, 0.001, 0.0001)] == [True, False, None]


def test_without_thresholds_nobody_is_declared_safe() -> None:
    condition = Condition("as written", (Match("dlib", "held out", 0.1),))
    judged = make_verdict(FaceVerdict(0, (0, 0, 9, 9), (condition,)))
    assert judged.outcome() == "undecided"
    assert not judged.unrecognised()
    assert sentences.of_verdict(judged).startswith("No verdict")


def test_what_could_not_be_read_off_is_refused() -> None:
    low, asked = Match("dlib", "held out", 0.1), ("as written", "JPEG 75")
    face = make_face({"dlib": LOW}, ROLES)
    other = make_face({"mobilefacenet": LOW}, ROLES, index=1)
    with pytest.raises(UsageError, match="at least one face"):
        make_verdict()
    with pytest.raises(UsageError, match="at least one condition"):
        FaceVerdict(0, (0, 0, 9, 9), ())
    with pytest.raises(UsageError, match="same recognisers in all conditions"):
        FaceVerdict(0, (0, 0, 9, 9), (Condition(asked[0], (low,)), Condition(asked[1], ())))
    with pytest.raises(UsageError, match="same conditions for every face"):
        make_verdict(face, make_face({"dlib": LOW}, ROLES, conditions=asked[::-1]))
    with pytest.raises(UsageError, match="same recognisers about every face"):
        make_verdict(face, other)
    with pytest.raises(UsageError, match="3 thresholds, but that of dlib has 2"):
        Match("dlib", "held out", 0.1, (0.9, 0.95))


def test_a_verdict_survives_its_receipt() -> None:
    judged = verdict(dlib=(None, 0.5), mobilefacenet=LOW)
    assert config.build(Verdict, config.plain(judged), where="test") == judged


def test_the_record_keeps_its_shape() -> None:
    judged = make_verdict(make_face({"dlib": (None,)}, ROLES, conditions=("as written",)))
    assert record(judged) == {
        "before": "me.png",
        "after": "me.veiled.png",
        "outcome": "unrecognised",
        "judges": ["dlib"],
        "notes": [],
        "faces": [
            {
                "index": 0,
                "box": [175.0, 60.0, 275.0, 195.0],
                "conditions": [
                    {
                        "name": "as written",
                        "matches": [
                            {
                                "recogniser": "dlib",
                                "role": "held out",
                                "similarity": None,
                                "thresholds": {"0.01": 0.911, "0.001": 0.928, "0.0001": 0.941},
                                "matched": {"0.01": False, "0.001": False, "0.0001": False},
                            }
                        ],
                    }
                ],
            }
        ],
    }


@pytest.mark.parametrize(
    ("match", "sentence"),
    [
        (
            Match("dlib", "held out", 0.31, (0.911, None, None)),
            "dlib, which took no part in making this veil, no longer matches this face "
            "(0.31; it would need 0.91).",
        ),
        (
            Match("dlib", "held out", 0.9093, (0.911, None, None)),
            "dlib, which took no part in making this veil, no longer matches this face "
            "(0.909; it would need 0.911).",
        ),
        (
            Match("faceres", "surrogate", 0.7, (0.559, None, None)),
            "faceres, which this veil was made against, still matches this face "
            "(0.70; 0.56 is enough).",
        ),
        (
            Match("faceres", "unknown", None, (0.559, None, None)),
            "faceres has nothing to compare: no face was found here any more.",
        ),
        (
            Match("faceres", "unknown", -0.2),
            "faceres has no calibrated threshold, so its similarity (\u22120.20) decides nothing.",
        ),
    ],
)
def test_a_match_in_words(match: Match, sentence: str) -> None:
    assert sentences.of_match(match) == sentence


def test_a_relapse_is_told() -> None:
    judged = verdict(dlib=(0.5, 0.95), mobilefacenet=LOW)
    assert sentences.of_verdict(judged) == (
        "Not recognised as written, but dlib matches again after a treatment (JPEG 75)."
    )
    conditions = [(c.name, c.matches[0]) for c in judged.faces[0].conditions]
    assert sentences.of_conditions(conditions).endswith("It matches again under JPEG 75.")


def test_success_in_words_says_on_whom_it_rests() -> None:
    assert sentences.of_verdict(verdict(dlib=LOW, mobilefacenet=HIGH)) == (
        "Not recognised: dlib, which took no part in making this veil, does not match the face "
        "(tested as written, JPEG 75)."
    )
    roles: Mapping[str, Role] = {"dlib": "surrogate", "mobilefacenet": "surrogate"}
    assert sentences.of_verdict(verdict(roles, dlib=LOW, mobilefacenet=LOW)) == (
        "Not recognised: dlib and mobilefacenet do not match the face (tested as written, JPEG 75)."
        " But the veil was made against just these, so it proves little about others."
    )
