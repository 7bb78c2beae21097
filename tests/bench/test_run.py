"""The same lines whatever way a run was carried out; what is finished is finished."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.bench.conftest import entries, made_up
from tests.bench.made import write_run

from faceveil.bench import run as module
from faceveil.bench.figure import Figure
from faceveil.bench.finished import read_figures, read_run
from faceveil.bench.models import Models
from faceveil.bench.origins import card_of
from faceveil.bench.protocol import Plan
from faceveil.bench.protocols.clean import Clean
from faceveil.bench.protocols.tip_im import TipIm
from faceveil.bench.run import carry_out, default_cache
from faceveil.bench.task import Task
from faceveil.core import config
from faceveil.core.errors import FaceveilError, UsageError
from faceveil.data.pictures import Picture
from faceveil.faces.detect import Detector
from faceveil.io.photo import decode

Make = Callable[..., TipIm]
FILES = ("results.jsonl", "figures.json", "timings.jsonl", "protocol.toml", "environment.json")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[Figure]]:
    """``run("name", protocol)`` in this process, with a cache that all runs of a test share.

    Aligned pictures need no detector, so none is loaded.
    """
    monkeypatch.setattr(Models, "detector", object.__new__(Detector))

    def carry(name: str, protocol: TipIm | Clean, **usual: Any) -> list[Figure]:
        settings: dict[str, Any] = {"cache": tmp_path / "cache", "n_processes": 1, **usual}
        plan = settings.pop("plan", None) or protocol.plan()
        return carry_out(protocol, plan, tmp_path / name, **settings)

    return carry


Run = Callable[..., list[Figure]]


def texts(folder: Path) -> dict[str, str]:
    return {name: (folder / name).read_text(encoding="utf-8") for name in FILES}


def test_a_folder_holds_protocol_environment_items_timings_and_figures(
    tmp_path: Path, run: Run, tip_im: Make, recognisers: tuple[str, ...]
) -> None:
    protocol = tip_im()
    figures = run("one", protocol)
    folder = tmp_path / "one"
    assert sorted(path.name for path in folder.iterdir()) == sorted(FILES)
    stated = config.read(folder / "protocol.toml")
    assert stated.pop("protocol") == "tip-im"
    assert config.build(TipIm, stated, where="here") == protocol
    assert read_figures(folder) == [
        Figure.read(json.loads(json.dumps(figure.record()))) for figure in figures
    ]
    environment = json.loads((folder / "environment.json").read_text())
    assert environment["versions"]["torch"] == version("torch")
    assert environment["recognisers"] == {name: card_of(name).sha256 for name in recognisers[:2]}
    assert environment["device"] == "cpu"
    lines = [json.loads(line) for line in (folder / "results.jsonl").read_text().splitlines()]
    assert [(line["arm"], line["picture"]) for line in lines] == [
        task.name for task in protocol.plan().tasks
    ]
    timings = [json.loads(line) for line in (folder / "timings.jsonl").read_text().splitlines()]
    assert [(line["arm"], line["picture"]) for line in timings] == [
        task.name for task in protocol.plan().tasks if task.arm is not None
    ]
    assert all(line["seconds"] > 0 for line in timings)


def test_again_from_cache_nothing_is_worked_out_and_every_file_is_the_same(
    tmp_path: Path, run: Run, tip_im: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("one", tip_im())
    before, known = texts(tmp_path / "one"), entries(tmp_path / "cache")

    def refuse(*_: object) -> None:
        raise AssertionError("a model was asked for")

    monkeypatch.setattr(module.work, "start", refuse)
    monkeypatch.setattr(Models, "__init__", refuse)
    run("one", tip_im(), n_processes=3)
    run("two", tip_im())
    assert texts(tmp_path / "one") == texts(tmp_path / "two") == before
    assert entries(tmp_path / "cache") == known


def test_two_processes_write_what_one_writes(tmp_path: Path, run: Run, tip_im: Make) -> None:
    run("one", tip_im())
    run("two", tip_im(), n_processes=2, cache=tmp_path / "other")
    one, two = texts(tmp_path / "one"), texts(tmp_path / "two")
    for name in ("results.jsonl", "figures.json"):
        assert one[name] == two[name]
    ours, theirs = entries(tmp_path / "cache"), entries(tmp_path / "other")
    assert ours.keys() == theirs.keys()
    assert {key: value[8:] for key, value in ours.items() if key.startswith("veil")} == {
        key: value[8:] for key, value in theirs.items() if key.startswith("veil")
    }


def test_the_order_of_work_changes_nothing(
    tmp_path: Path, run: Run, tip_im: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = tip_im()
    run("one", protocol)
    usual = module.each

    def shuffled(bundles: Sequence[list[Task]], *rest: Any, **options: Any) -> Iterator[Any]:
        bundles = random.Random(1).sample(bundles, len(bundles))
        order = [task.name for bundle in bundles for task in bundle]
        assert order != [task.name for task in protocol.plan().tasks]
        return usual(bundles, *rest, **options)

    monkeypatch.setattr(module, "each", shuffled)
    run("two", protocol, cache=tmp_path / "other")
    plan = protocol.plan()
    mixed = random.Random(2).sample(plan.tasks, len(plan.tasks))
    run("three", protocol, plan=Plan(mixed, plan.figures), cache=tmp_path / "third")
    one, two, three = (texts(tmp_path / name) for name in ("one", "two", "three"))
    assert one["results.jsonl"] == two["results.jsonl"]
    assert one["figures.json"] == two["figures.json"] == three["figures.json"]
    assert sorted(one["results.jsonl"].splitlines()) == sorted(three["results.jsonl"].splitlines())


class PowerCutError(Exception):
    """Stands for whatever ends a run."""


def test_a_run_that_ended_early_goes_on_where_it_was(
    tmp_path: Path, run: Run, tip_im: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    protocol = tip_im()
    run("one", protocol)
    usual = module.each

    def ending(tasks: Sequence[Task], *rest: Any, **options: Any) -> Iterator[Any]:
        for count, item in enumerate(usual(tasks, *rest, **options)):
            if count == 3:
                raise PowerCutError
            yield item

    other = tmp_path / "other"
    n_ends = 0
    known: dict[str, bytes] = {}
    while True:
        with monkeypatch.context() as patch:
            patch.setattr(module, "each", ending)
            try:
                run("two", protocol, cache=other)
                break
            except PowerCutError:
                n_ends += 1
        now = entries(other)
        assert now.items() >= known.items()
        assert len(now) > len(known)
        assert not (tmp_path / "two" / "figures.json").exists()
        known = now
    assert n_ends >= 3
    for name in ("results.jsonl", "figures.json"):
        assert texts(tmp_path / "one")[name] == texts(tmp_path / "two")[name]
    assert entries(other).keys() == entries(tmp_path / "cache").keys()


def test_what_one_protocol_has_worked_out_another_need_not(
    tmp_path: Path, run: Run, tip_im: Make, people: Path
) -> None:
    protocol = tip_im()
    run("one", protocol)
    before = len(entries(tmp_path / "cache"))
    clean = Clean(data=str(people), people=":2", alignment="aligned", victims=protocol.victims)
    run("two", clean)
    assert len(entries(tmp_path / "cache")) == before


def test_veiled_pictures_are_kept_also_those_that_were_known(
    tmp_path: Path, run: Run, tip_im: Make
) -> None:
    run("one", tip_im())
    run("one", tip_im(), keep_veiled=True)
    kept = sorted((tmp_path / "one" / "veiled").rglob("*.png"))
    lines = (tmp_path / "one" / "results.jsonl").read_text().splitlines()
    hashes = [line["sha256"] for line in map(json.loads, lines) if line["arm"]]
    assert sorted(decode(path.read_bytes(), "").sha256 for path in kept) == sorted(hashes)
    assert len(kept) == 4


def test_pictures_without_a_face_are_left_out_and_counted(
    tmp_path: Path, recognisers: tuple[str, ...], portrait_path: Path
) -> None:
    portrait = Image.open(portrait_path).convert("RGB").crop((120, 0, 330, 230))
    for person, turns in (("ada", (0, 2)), ("bob", (4, 6)), ("cid", (8,)), ("dan", (1, 3))):
        folder = tmp_path / "people" / person
        folder.mkdir(parents=True)
        for turn in turns:
            portrait.rotate(turn).resize((105, 115)).save(folder / f"{turn}.png")
        Image.new("RGB", (105, 115), (90, 140, 200)).save(folder / "1-sky.png")
    # Of cid only the probe shows a face, of dan only what is not the probe.
    (tmp_path / "people" / "cid" / "8.png").rename(tmp_path / "people" / "cid" / "probe.png")
    (tmp_path / "people" / "dan" / "1-sky.png").rename(tmp_path / "people" / "dan" / "probe.png")
    (tmp_path / "people" / "bob" / "0-broken.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    protocol = TipIm(
        data=str(tmp_path / "people"),
        probes="ada-dan",
        targets="",
        surrogates=recognisers[:1],
        victims=recognisers[:1],
        methods=("darken",),
    )
    said: list[str] = []

    @contextmanager
    def bar(title: str, total: int) -> Iterator[tuple[Any, Any]]:
        yield lambda share: None, said.append

    plan = protocol.plan()
    with pytest.raises(UsageError, match="Rank 5 does not exist in a gallery of 4"):
        carry_out(
            protocol, plan, tmp_path / "run", cache=tmp_path / "cache", n_processes=1, bar=bar
        )
    lines = (tmp_path / "run" / "results.jsonl").read_text().splitlines()
    faults = {(line["arm"], line["picture"]): line["fault"] for line in map(json.loads, lines)}
    lost = {"ada/1-sky.png", "bob/1-sky.png", "cid/1-sky.png", "dan/probe.png", "bob/0-broken.png"}
    assert {picture for (_, picture), fault in faults.items() if fault is not None} == lost
    assert faults["", "cid/1-sky.png"] == "No face was found in this picture."
    assert "0-broken.png is damaged" in faults["", "bob/0-broken.png"]
    assert len(said) == 1
    assert "Left out: 5 pictures, the first" in said[0]
    seen = made_up(plan, protocol.victims, lost=lost)
    (arm,) = {task.arm.name: task.arm for task in plan.tasks if task.arm is not None}.values()
    probes = [task.picture for task in plan.tasks if task.arm is not None]
    assert [one.name for one in seen.usable(probes, [arm])] == [
        "ada/2.png",
        "bob/6.png",
        "cid/probe.png",
    ]


def test_figures_of_pictures_without_faces_say_how_many_are_left(
    tmp_path: Path, run: Run, tip_im: Make, people: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from faceveil.core.errors import NoFaceError
    from faceveil.data.align import find_face
    from faceveil.io.photo import Photo

    lost = {str(people / "p00" / name) for name in ("0.png", "1.png")}

    def face(self: Models, photo: Photo) -> Any:
        if photo.name in lost:
            raise NoFaceError("nobody")
        return find_face(photo, "aligned", object.__new__(Detector))

    monkeypatch.setattr(Models, "face", face)
    figures = run("one", tip_im(probes=":3", targets="3:5", distractors="5:7"))
    assert {figure.value.n for figure in figures} == {2}  # nobody could recognise p00
    assert {figure.clean.n for figure in figures if figure.clean is not None} == {2}


def test_what_is_too_little_to_figure_with_still_leaves_the_items(
    tmp_path: Path, run: Run, tip_im: Make
) -> None:
    protocol = tip_im()
    plan = protocol.plan()

    def fail(items: object) -> list[Figure]:
        raise UsageError("Too little.")

    with pytest.raises(UsageError, match="Too little"):
        run("one", protocol, plan=replace(plan, figures=fail))
    assert len((tmp_path / "one" / "results.jsonl").read_text().splitlines()) == len(plan.tasks)
    with pytest.raises(UsageError, match=r"one holds no finished run: there is no figures\.json"):
        read_figures(tmp_path / "one")


def test_the_folder_of_another_run_is_refused(tmp_path: Path, run: Run, tip_im: Make) -> None:
    run("one", tip_im())
    before = texts(tmp_path / "one")
    with pytest.raises(
        UsageError, match="one holds a run of another protocol or of other settings"
    ):
        run("one", tip_im(seed=1))
    (tmp_path / "two").mkdir()
    (tmp_path / "two" / "protocol.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match="two holds a run of another protocol"):
        run("two", tip_im())
    assert texts(tmp_path / "one") == before


def test_a_damaged_file_of_figures_is_a_sentence(tmp_path: Path) -> None:
    for text in ("", "[{}]", '{"a": 1}', "[1]"):
        (tmp_path / "figures.json").write_text(text)
        with pytest.raises(UsageError, match=r"figures\.json is damaged"):
            read_figures(tmp_path)


def test_bars_count_what_is_known_apart_from_what_is_worked_out(
    tmp_path: Path, run: Run, tip_im: Make
) -> None:
    bars: list[list[Any]] = []

    @contextmanager
    def bar(title: str, total: int) -> Iterator[tuple[Any, Any]]:
        bars.append([title, total, 0.0])

        def advance(share: float) -> None:
            bars[-1][2] += share

        yield advance, None

    n_tasks = len(tip_im(methods=("darken",)).plan().tasks)
    run("one", tip_im(methods=("darken",)), bar=bar)
    run("two", tip_im(), bar=bar)
    assert bars == [
        ["Looking up", n_tasks, n_tasks],
        ["Measuring", n_tasks, n_tasks],
        ["Looking up", n_tasks + 2, n_tasks + 2],
        ["Measuring", 2, 2],
    ]


def test_slow_and_quick_work_is_mixed_so_that_the_time_left_can_be_told(
    run: Run, tip_im: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    orders = []

    def spy(tasks: Sequence[list[Task]], *_: Any, **__: Any) -> Iterator[Any]:
        orders.append([task.name for bundle in tasks for task in bundle])
        raise PowerCutError

    monkeypatch.setattr(module, "each", spy)
    protocol = tip_im(probes=":4", targets="4:6", distractors="6:12")
    for _ in range(2):
        with pytest.raises(PowerCutError):
            run("one", protocol)
    assert orders[0] == orders[1]
    where = [at / len(orders[0]) for at, name in enumerate(orders[0]) if name[0]]
    assert 0.3 < np.mean(where) < 0.7
    assert sorted(orders[0]) == sorted(task.name for task in protocol.plan().tasks)


def test_the_callers_threads_are_as_before(run: Run, tip_im: Make) -> None:
    torch.set_num_threads(2)
    run("one", tip_im(methods=("darken",)))
    assert torch.get_num_threads() == 2


def test_a_picture_that_is_gone_is_left_out_not_a_crash(
    tmp_path: Path, run: Run, tip_im: Make
) -> None:
    protocol = tip_im(methods=("darken",))
    plan = protocol.plan()
    gone = next(task for task in plan.tasks if task.picture.name == "p04/0.png")

    def missing() -> Any:
        raise FaceveilError("not caught: only what is wrong with a photo is")

    def torn() -> Any:
        return decode(b"", "p04/0.png")

    for read, error in ((missing, FaceveilError), (torn, None)):
        picture = Picture(gone.picture.name, gone.picture.person, read)
        tasks = [replace(one, picture=picture) if one is gone else one for one in plan.tasks]
        if error is not None:
            with pytest.raises(error, match="not caught"):
                run("one", protocol, plan=replace(plan, tasks=tasks))
        else:
            run("one", protocol, plan=replace(plan, tasks=tasks))
    assert '"fault": "p04/0.png' in (tmp_path / "one" / "results.jsonl").read_text()


def test_the_cache_lies_where_the_user_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FACEVEIL_HOME", str(tmp_path))
    assert default_cache() == tmp_path / "bench.sqlite"
    monkeypatch.delenv("FACEVEIL_HOME")
    assert default_cache().name == "bench.sqlite"
    assert default_cache().is_absolute()


def test_a_damaged_run_is_a_sentence(tmp_path: Path) -> None:
    for number, (name, text, said) in enumerate(
        (
            ("protocol.toml", "seed = 1\n", r"protocol\.toml: is damaged \(no protocol\)"),
            ("timings.jsonl", "{}\n", r"timings\.jsonl: is damaged \(a line without seconds\)"),
            ("environment.json", "3", r"environment\.json: is damaged"),
        )
    ):
        folder = write_run(tmp_path / str(number), [])
        (folder / name).write_text(text)
        with pytest.raises(UsageError, match=said):
            read_run(folder)
