"""Victims that were adapted to veils learn what they are said to, once, and from nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tests.bench.conftest import QUICK, entries, made_up
from torch import Tensor

from faceveil.bench import lessons as teaching
from faceveil.bench.adaptation import Adaptation, Knowing, Unknowing
from faceveil.bench.learning import Faces, Names, Restored, fine_tune, with_weights
from faceveil.bench.lessons import Lesson, Tutor
from faceveil.bench.models import Models
from faceveil.bench.protocols.adapted import Adapted
from faceveil.bench.run import carry_out
from faceveil.bench.task import Scene, Task, Victim
from faceveil.bench.work import Worker
from faceveil.core.errors import ModelError, UsageError
from faceveil.faces.detect import Detector
from faceveil.recognisers import zoo
from faceveil.recognisers.recogniser import Recogniser

Make = Callable[..., Adapted]
UNKNOWING = Unknowing(kind="unknowing", people="10:12", photos=3, steps=3, batch=2)
KNOWING = Knowing(kind="knowing", people="10:12", photos=3, steps=3, batch=2)


@pytest.fixture(autouse=True)
def _no_detector_is_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Models, "detector", object.__new__(Detector))


@pytest.fixture
def adapted(people: Path, recognisers: tuple[str, ...]) -> Make:
    """``adapted(field=value)``: three probes, six people to calibrate on, two to adapt to."""

    def make(**fields: Any) -> Adapted:
        usual: dict[str, Any] = {
            "data": str(people),
            "alignment": "aligned",
            "probes": ":3",
            "calibration": "4:10",
            "fars": (0.1,),
            "surrogates": recognisers,
            "victims": recognisers[:2],
            "methods": ("darken", "mim"),
            "settings": {"mim": QUICK},
            "adaptations": (UNKNOWING, KNOWING),
        }
        return Adapted(**{**usual, **fields})

    return make


@pytest.fixture
def recogniser(recognisers: tuple[str, ...]) -> Recogniser:
    return zoo.load(recognisers[0])


@pytest.fixture
def faces() -> Faces:
    """Six people twice; veiling turns the picture round."""
    draw = torch.Generator().manual_seed(0)
    blots = torch.randint(0, 256, (6, 3, 6, 6), generator=draw).repeat_interleave(2, 0)
    blots = (blots + 20 * torch.randn(blots.shape, generator=draw)).clamp(0, 255)
    crops = torch.nn.functional.interpolate(blots, 24, mode="bilinear").byte()
    return Faces(crops, crops.flip(2), torch.arange(12) // 2)


def see(recogniser: Recogniser, pixels: Tensor) -> Tensor:
    with torch.no_grad():
        return recogniser.embed(pixels / 255)


def taught(recogniser: Recogniser, objective: Any, **options: Any) -> Recogniser:
    usual = {"steps": 60, "batch": 6, "lr": 3e-3, "seed": 0}
    return with_weights(recogniser, fine_tune(recogniser, objective, 12, **{**usual, **options}))


def test_who_knows_learns_to_see_the_clean_face_in_the_veiled_one(
    recogniser: Recogniser, faces: Faces
) -> None:
    before = {name: value.clone() for name, value in recogniser.state_dict().items()}
    learnt = taught(recogniser, Restored(recogniser, faces))
    wanted = see(recogniser, faces.clean)

    def likeness(one: Recogniser, pixels: Tensor) -> float:
        return float((see(one, pixels) * wanted).sum(1).mean())

    assert likeness(learnt, faces.veiled) > likeness(recogniser, faces.veiled) + 0.1
    assert likeness(learnt, faces.clean) > 0.9
    assert all(torch.equal(value, before[name]) for name, value in recogniser.state_dict().items())


def test_who_does_not_know_learns_the_names_that_veils_go_by(
    recogniser: Recogniser, faces: Faces
) -> None:
    def gap(one: Recogniser) -> float:
        """How much nearer the other photo of a person is than those of others."""
        cosines = see(one, faces.clean) @ see(one, faces.veiled).T
        same = faces.people[:, None] == faces.people
        return float(cosines[same].mean() - cosines[~same].mean())

    learnt = taught(recogniser, Names(recogniser, faces, 0.5))
    assert gap(learnt) > gap(recogniser) + 0.1


@pytest.mark.parametrize(("share", "veiled"), [(1.0, 12), (0.5, 6), (0.25, 3), (0.05, 0)])
def test_the_share_of_veiled_photos_is_kept_evenly(
    recogniser: Recogniser, faces: Faces, share: float, veiled: int
) -> None:
    seen: list[Tensor] = []
    objective = Names(recogniser, faces, share)
    objective.augment = lambda pixels, seeds: pixels  # type: ignore[assignment]

    def embed(crops: Tensor) -> Tensor:
        seen.append((255 * crops).round().byte())
        return recogniser.embed(crops)

    objective(embed, torch.arange(12), range(12))
    shown = [torch.equal(one, other) for one, other in zip(seen[0], faces.veiled, strict=True)]
    assert sum(shown) == veiled
    assert sum(shown[:6]) == veiled // 2


def test_the_same_lesson_gives_the_same_weights_and_another_seed_others(
    recogniser: Recogniser, faces: Faces
) -> None:
    def weights(**options: Any) -> bytes:
        usual = {"steps": 3, "batch": 5, "lr": 1e-3, "seed": 0}
        objective = Names(recogniser, faces, 1.0)
        return fine_tune(recogniser, objective, 12, **{**usual, **options})

    assert weights() == weights()
    for options in ({"seed": 1}, {"steps": 4}, {"batch": 6}, {"lr": 2e-3}):
        assert weights(**options) != weights(), options


def test_a_loss_that_is_no_number_is_a_sentence(recogniser: Recogniser, faces: Faces) -> None:
    with pytest.raises(ModelError, match="cannot be fine-tuned: at step"):
        taught(recogniser, Restored(recogniser, faces), lr=1e30)


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene((), "aligned", tmp_path / "cache")


def lesson_of(protocol: Adapted, adaptation: Adaptation) -> Lesson:
    """The first one of that tracker."""
    lessons = protocol.plan().lessons
    return next(one for one in lessons if one.adaptation == adaptation)


def test_a_lesson_is_learnt_once_and_recalled(adapted: Make, scene: Scene) -> None:
    lesson = lesson_of(adapted(), KNOWING)
    assert list(teaching.recall(scene, [lesson])) == [None]
    victim = teaching.start(scene)(lesson)
    known = entries(scene.cache)
    assert len(entries(scene.cache, "weights")) == 1
    assert list(teaching.recall(scene, [lesson])) == [victim]
    assert teaching.start(scene)(lesson) == victim
    assert entries(scene.cache) == known
    assert victim.weights in known


def test_weights_depend_on_all_they_were_learnt_from(
    adapted: Make, scene: Scene, recognisers: tuple[str, ...]
) -> None:
    lesson = lesson_of(adapted(), UNKNOWING)
    other_arm = adapted().plan().lessons[-1].arm
    others = [
        lesson,
        replace(lesson, seed=1),
        replace(lesson, recogniser=recognisers[2]),
        replace(lesson, pictures=lesson.pictures[1:]),
        replace(lesson, arm=other_arm),
        replace(lesson, adaptation=KNOWING),
        replace(lesson, adaptation=replace(UNKNOWING, veiled=1.0)),
        replace(lesson, adaptation=replace(UNKNOWING, lr=1e-3)),
    ]
    tutor = Tutor(scene, Models(scene))
    assert len({tutor.teach(one).weights for one in others}) == len(others)
    assert tutor.teach(replace(lesson, name="renamed")).weights == tutor.teach(lesson).weights


def test_the_adapted_victim_is_asked_with_the_weights_it_has_learnt(
    adapted: Make, scene: Scene
) -> None:
    lesson = lesson_of(adapted(), KNOWING)
    victim = teaching.start(scene)(lesson)
    plain = Victim("plain", lesson.recogniser)
    scene = replace(scene, victims=(plain, victim))
    task = Task(lesson.pictures[0])
    item = Worker(scene, Models(scene))(task)
    seen = {name: item.embeddings[name, "as written"] for name in ("plain", victim.name)}
    assert not torch.equal(seen["plain"], seen[victim.name])
    weights = entries(scene.cache)[victim.weights]
    learnt = with_weights(zoo.load(lesson.recogniser), weights)
    assert any(
        not torch.equal(value, other)
        for value, other in zip(
            learnt.state_dict().values(),
            zoo.load(lesson.recogniser).state_dict().values(),
            strict=True,
        )
    )


def test_every_arm_is_judged_by_the_victim_as_it_was_and_as_adapted_to_that_arm(
    adapted: Make, recognisers: tuple[str, ...]
) -> None:
    protocol = adapted()
    plan = protocol.plan()
    assert len(plan.lessons) == 2 * 2 * 2  # methods, victims, trackers
    for lesson in plan.lessons:
        assert lesson.arm.at["left out"] == lesson.recogniser
        assert lesson.recogniser not in lesson.arm.settings.run.surrogates
        assert {picture.person for picture in lesson.pictures} == {"p10", "p11"}
        assert len(lesson.pictures) == 6
    figures = plan.figures(made_up(plan, protocol.victims))
    labels = {"no", "unknowing, 3 steps", "knowing, 3 steps"}
    for measure in ("PSR@0.1", "TAR@0.1"):
        places = [figure.at for figure in figures if figure.measure == measure]
        assert {place["adapted"] for place in places} == labels
        assert len(places) == 2 * 2 * 3
    psr = [figure for figure in figures if figure.measure == "PSR@0.1"]
    assert all(figure.clean is not None for figure in psr)
    assert len({(figure.value.mean, figure.clean) for figure in psr}) > 3  # not one victim's thrice
    tar = [figure for figure in figures if figure.measure == "TAR@0.1"]
    assert len({(one.at["method"], one.at["left out"], one.value.mean) for one in tar}) > 4


def test_a_run_adapts_asks_and_is_known_the_second_time(
    adapted: Make, tmp_path: Path, recognisers: tuple[str, ...]
) -> None:
    protocol = adapted(methods=("darken",), victims=recognisers[:1])

    def run(name: str, cache: str) -> Any:
        return carry_out(
            protocol, protocol.plan(), tmp_path / name, cache=tmp_path / cache, n_processes=1
        )

    figures = run("one", "cache")
    known = entries(tmp_path / "cache")
    assert len(entries(tmp_path / "cache", "weights")) == 2
    assert run("one", "cache") == figures
    assert entries(tmp_path / "cache") == known
    assert run("two", "other") == figures
    first, second = (tmp_path / name / "results.jsonl" for name in ("one", "two"))
    assert first.read_bytes() == second.read_bytes()
    assert b"adapted knowing, 3 steps" in first.read_bytes()


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"adaptations": (replace(KNOWING, people="2:4"),), "calibration": "4:10"},
            "p02 is judged, so the knowing tracker cannot learn",
        ),
        (
            {"adaptations": (replace(KNOWING, people="3:4"),), "distractors": "3:4"},
            "p03 is judged",
        ),
        (
            {"adaptations": (replace(UNKNOWING, people="9:11"),)},
            "p09 cannot be adapted to and calibrated on at once",
        ),
        ({"adaptations": ()}, "name an adaptation"),
        ({"adaptations": (KNOWING, replace(KNOWING, lr=1.0))}, "differ in kind or steps"),
    ],
)
def test_who_must_be_kept_apart_is(adapted: Make, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        adapted(**fields).plan()


def test_an_adapted_victim_has_no_thresholds_yet(
    adapted: Make, recognisers: tuple[str, ...]
) -> None:
    with pytest.raises(UsageError, match="has thresholds of its own"):
        adapted(thresholds=dict.fromkeys(recognisers[:2], 0.1))


def test_an_unknowing_tracker_may_have_other_photos_of_the_probes_but_never_the_probe(
    adapted: Make,
) -> None:
    protocol = adapted(adaptations=(replace(UNKNOWING, people=":4"),))
    (pictures,) = {lesson.pictures for lesson in protocol.plan().lessons}
    names = {picture.name for picture in pictures}
    assert "p00/0.png" in names
    assert not names & {"p00/2.png", "p01/2.png", "p02/2.png"}  # the probes
    assert "p03/2.png" in names


def test_a_knowing_tracker_may_veil_in_a_way_of_its_own(
    adapted: Make, recognisers: tuple[str, ...]
) -> None:
    own = {"method": {"steps": 1}, "run": {"surrogates": list(recognisers)}}
    protocol = adapted(methods=("mim",), adaptations=(replace(KNOWING, settings=own),))
    for lesson in protocol.plan().lessons:
        assert lesson.arm.settings.run.surrogates == recognisers
        assert lesson.arm.settings.method.steps == 1  # type: ignore[attr-defined]
        assert lesson.arm.name not in {
            task.arm.name for task in protocol.plan().tasks if task.arm is not None
        }


def test_too_few_faces_to_learn_from_is_a_sentence(adapted: Make, scene: Scene) -> None:
    lesson = lesson_of(adapted(), KNOWING)
    lesson = replace(lesson, pictures=lesson.pictures[:3])  # of one person
    with pytest.raises(UsageError, match="two people or more"):
        teaching.start(scene)(lesson)
