"""README and claims say the same."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tests.bench.made import PSR_AT, figure, rate, run
from tests.conftest import ROOT

from faceveil.bench.claims import contradictions, from_run, read_claims, write
from faceveil.bench.finished import Finished
from faceveil.core.errors import UsageError

SENTENCE = "At equal damage 84 % of the faces are no longer matched by dlib."
README = """# x

At equal damage 84 % <!-- claim: psr -->
of the faces are no longer
matched by dlib.
"""


def claim(**others: Any) -> dict[str, Any]:
    usual = {
        "id": "psr",
        "sentence": SENTENCE,
        "printed": "84 %",
        "reported_by": "faceveil",
        "measured": {"mean": 0.842, "n": 50, "low": 0.74, "high": 0.94},
        "command": "faceveil bench psr --data DIR -o RUN",
        "footnote": "",
        "date": "2025-01-31",
    }
    return {**usual, **others}


def faults(folder: Path, readme: str = README, **others: Any) -> list[str]:
    """What is wrong between a README and that one claim."""
    record = claim(**others)
    (folder / f"{record['id']}.json").write_text(json.dumps(record), encoding="utf-8")
    return contradictions(read_claims(folder), readme)


def test_this_projects_pages_and_claims_are_equal() -> None:
    pages = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    assert contradictions(read_claims(ROOT / "claims"), text) == []


def test_the_example_in_the_format_is_sound(tmp_path: Path) -> None:
    text = (ROOT / "claims" / "README.md").read_text(encoding="utf-8")
    markdown, record = (
        text.split(f"```{kind}\n")[1].split("```")[0] for kind in ("markdown", "json")
    )
    (tmp_path / "tip-im-dlib.json").write_text(record, encoding="utf-8")
    assert contradictions(read_claims(tmp_path), markdown) == []


def test_agreement(tmp_path: Path) -> None:
    assert faults(tmp_path) == []


@pytest.mark.parametrize(
    ("others", "fault"),
    [
        ({"measured": {"mean": 0.846, "n": 50, "low": 0.7, "high": 0.9}}, "is not 0.846 rounded"),
        ({"measured": {"mean": 0.842, "n": 50, "low": 0.85, "high": 0.9}}, "outside its interval"),
        ({"printed": "4 %"}, "does not stand before its marker"),
        ({"printed": "85 %"}, "its sentence does not say '85 %'"),
        ({"printed": "equal"}, "is no figure"),
        ({"sentence": SENTENCE.replace("dlib", "faceres")}, "does not say its sentence"),
        ({"id": "other"}, "README has no marker for it"),
        ({"id": "other"}, "marks psr, which is no claim"),
    ],
)
def test_disagreement_is_named(tmp_path: Path, others: dict[str, Any], fault: str) -> None:
    assert fault in " ".join(faults(tmp_path, **others))


@pytest.mark.parametrize(
    ("before", "after"), [("84 %", "85 %"), ("84 %", "184 %"), ("faces", "photos"), ("psr", "prs")]
)
def test_a_changed_readme_is_noticed(tmp_path: Path, before: str, after: str) -> None:
    assert faults(tmp_path, README.replace(before, after, 1))


def test_a_figure_may_be_stated_twice_but_the_same(tmp_path: Path) -> None:
    again = "Again: **84\N{NO-BREAK SPACE}%**<!-- claim: psr -->"
    assert faults(tmp_path, README + again) == []
    assert faults(tmp_path, README + again.replace("84", "83"))


def test_plain_shares_are_figures_too(tmp_path: Path) -> None:
    readme = "PSR is 0.84 <!-- claim: psr -->."
    assert faults(tmp_path, readme, sentence="PSR is 0.84 .", printed="0.84") == []


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "cannot be read as a claim"),
        (json.dumps(claim(id="else")), "call the file else.json"),
        (json.dumps(claim(date="soon")), "date"),
        (json.dumps({**claim(), "mood": "good"}), "mood: there is no such field"),
    ],
)
def test_a_file_that_is_no_claim_is_refused(tmp_path: Path, text: str, named: str) -> None:
    (tmp_path / "psr.json").write_text(text, encoding="utf-8")
    with pytest.raises(UsageError, match=named) as error:
        read_claims(tmp_path)
    assert "psr.json" in str(error.value)


ROW = "| dlib | .92 (.87 to .97 \\| .08) |"  # as in a table of Markdown


@pytest.fixture
def finished(tmp_path: Path) -> Finished:
    """A run with one figure as written and after JPEG."""
    figures = [
        figure("PSR@0.01", PSR_AT | {"after": after}, mean, clean=rate(0.08), note="a note")
        for after, mean in (("as written", 0.92), ("JPEG 75", 0.9))
    ]
    return run(tmp_path / "run", figures, methods=["veil"], seed=3)


def test_a_finished_run_is_claimed_with_counts_interval_and_baseline(
    tmp_path: Path, finished: Finished
) -> None:
    at = {"left out": "dlib", "after": "as written"}
    made = from_run(finished, "PSR@0.01", at, id="veil-dlib", sentence=ROW, printed=".92")
    assert write(made, tmp_path / "claims") == tmp_path / "claims" / "veil-dlib.json"
    assert read_claims(tmp_path / "claims") == [made]
    assert (made.measured.mean, made.measured.n) == (0.92, 50)
    assert (made.measured.low, made.measured.high) == pytest.approx((0.87, 0.97))
    for word in ("PSR@0.01", "left out dlib", "after as written", "on clean pictures 0.08"):
        assert word in made.footnote
    assert made.footnote.endswith("a note.")
    readme = ROW.replace(".92", ".92 <!-- claim: veil-dlib -->")
    assert contradictions([made], f"# x\n\n{readme}\n") == []


def test_a_claims_command_measures_it_again(finished: Finished) -> None:
    at = {"after": "JPEG 75"}
    made = from_run(finished, "PSR@0.01", at, id="a", sentence="It is .90.", printed=".90")
    assert made.command == (
        'faceveil bench psr --data DIR -o RUN --set \'victims=["dlib", "faceres"]\' '
        "--set seed=3 --set 'probes=\":50\"' --set 'methods=[\"veil\"]'"
    )


@pytest.mark.parametrize(
    ("measure", "at", "printed", "said"),
    [
        ("PSR@0.01", {}, ".92", "2 figures of PSR@0.01 stand there"),
        ("PSR@0.01", {"after": "blur"}, ".92", "0 figures of PSR@0.01 .* after as written"),
        ("PSR@1", {}, ".92", "for example: none"),
        ("PSR@0.01", {"after": "JPEG 75"}, ".92", r"\.92 is not 0.9 rounded"),
        ("PSR@0.01", {"after": "as written"}, "92 %", "does not say '92 %'"),
    ],
)
def test_what_a_run_does_not_bear_out_is_no_claim(
    finished: Finished, measure: str, at: dict[str, str], printed: str, said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        from_run(finished, measure, at, id="a", sentence=ROW, printed=printed)
