"""An item depends on everything it says it does, on nothing else, and is worked out once."""

from __future__ import annotations

import dataclasses
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.bench.conftest import entries, write_card, write_people
from tests.bench.test_fingerprint import Edit, edit

from faceveil.app.protect import Protector
from faceveil.app.settings import Settings
from faceveil.app.treatment import Treatment
from faceveil.bench import origins
from faceveil.bench.models import Models
from faceveil.bench.origins import card_of
from faceveil.bench.task import Arm, Item, Scene, Task, Victim
from faceveil.bench.work import Worker, bundles, kept_name, recall, start
from faceveil.core import config
from faceveil.core.errors import ModelError, NoFaceError
from faceveil.data.pictures import Picture
from faceveil.faces.detect import Detector
from faceveil.io.photo import decode, read
from faceveil.masks.method import Method
from faceveil.masks.obfuscate import Darken
from faceveil.masks.problem import Problem

__all__ = ["edit"]  # the fixture


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Two people of this test's own."""
    return write_people(tmp_path / "people", 2, 2)


@pytest.fixture
def seen(tmp_path: Path, recognisers: tuple[str, ...]) -> Scene:
    """Where the detector finds the faces."""
    return Scene(victims(recognisers[0]), "detector", tmp_path / "cache")


@pytest.fixture
def scene(seen: Scene, monkeypatch: pytest.MonkeyPatch) -> Scene:
    """Where none is needed, nor loaded."""
    monkeypatch.setattr(Models, "detector", object.__new__(Detector))
    return replace(seen, alignment="aligned")


@pytest.fixture(autouse=True)
def _cards_are_read_again() -> Iterator[None]:
    """Recognisers and code change between these tests as they never do within a run."""
    for remembered in (card_of, origins.code):
        remembered.cache_clear()
    yield
    origins.code.cache_clear()


def victims(*names: str) -> tuple[Victim, ...]:
    return tuple(Victim(name, name) for name in names)


def picture(path: Path) -> Picture:
    return Picture(f"{path.parent.name}/{path.name}", path.parent.name, partial(read, path))


def arm(surrogate: str, *, targets: tuple[Picture, ...] = (), **tables: dict[str, Any]) -> Arm:
    run = {"surrogates": [surrogate], "held_out": [], "goal": "dodge", **tables.pop("run", {})}
    values = {"method": {"name": "darken"}, **tables, "run": run}
    return Arm({"method": "darken"}, Settings.build(values), targets)


def work_out(scene: Scene, task: Task) -> Item:
    return Worker(scene, Models(scene))(task)


def test_an_item_holds_the_file_its_damage_and_what_every_victim_sees(
    home: Path, scene: Scene, recognisers: tuple[str, ...]
) -> None:
    ada, bob, _ = recognisers
    task = Task(picture(home / "p00" / "0.png"), arm(ada), (Treatment(), Treatment("jpeg 50")))
    keep = scene.cache.parent / "veiled"
    item = work_out(replace(scene, victims=victims(ada, bob), keep=keep), task)
    (written,) = keep.rglob("*.png")
    assert written.relative_to(keep) == Path("method-darken", "p00", "0.png")
    veiled = read(written)
    assert item.sha256 == veiled.sha256
    change = np.abs(veiled.pixels.astype(int) - read(home / "p00" / "0.png").pixels)
    assert item.damage["linf"] == change.max() > 5
    assert set(item.embeddings) == {(v, t) for v in (ada, bob) for t in ("as written", "JPEG 50")}
    for embedding in item.embeddings.values():
        assert float(embedding.norm()) == pytest.approx(1, abs=1e-5)
    assert len({tuple(one.tolist()) for one in item.embeddings.values()}) == 4
    assert item.seconds > 0
    assert item.fault is None
    clean = work_out(scene, Task(task.picture))
    assert (clean.damage, clean.seconds) == ({}, 0)
    assert clean.sha256 == read(home / "p00" / "0.png").sha256


@pytest.mark.parametrize(
    ("picture", "holds", "name"),
    [
        ("p00/0.png", "PNG", "p00/0.png"),
        ("p00/0.JPEG", "JPEG", "p00/0.JPEG"),
        ("s1/1.pgm", "BMP", "s1/1.pgm.bmp"),
        ("p00/0.jpg", "PNG", "p00/0.jpg.png"),
        ("00017", "JPEG", "00017.jpg"),
    ],
)
def test_what_is_kept_is_named_by_what_it_holds(picture: str, holds: str, name: str) -> None:
    assert kept_name(picture, holds) == name


def test_what_is_known_is_recalled_to_the_last_bit_and_nothing_is_worked_out_twice(
    home: Path, scene: Scene, recognisers: tuple[str, ...]
) -> None:
    tasks = [Task(picture(home / "p00" / "0.png"), one) for one in (None, arm(recognisers[0]))]
    assert list(recall(scene, tasks)) == [None, None]
    assert not entries(scene.cache)
    first = [work_out(scene, task) for task in tasks]
    known = entries(scene.cache)
    assert {key.split("-")[0] for key in known} == {"face", "veil", "damage", "embed"}
    again = [*recall(scene, tasks), *(work_out(scene, task) for task in tasks)]
    assert entries(scene.cache) == known
    for one, other in zip(first * 2, again, strict=True):
        assert other is not None
        assert (one.sha256, one.damage, one.seconds) == (other.sha256, other.damage, other.seconds)
        assert one.embeddings.keys() == other.embeddings.keys()
        for place, embedding in one.embeddings.items():
            assert torch.equal(embedding, other.embeddings[place])
    (half,) = recall(scene, [replace(tasks[1], treatments=(Treatment("blur 1"),))])
    assert half is None


def veils_anew(scene: Scene, task: Task, other_scene: Scene, other: Task) -> bool:
    """Whether ``other`` needs a veil of its own."""
    work_out(scene, task)
    before = entries(scene.cache, "veil")
    work_out(other_scene, other)
    return entries(other_scene.cache, "veil") != before


@pytest.mark.parametrize(
    "tables",
    [
        {"method": {"name": "darken", "factor": 0.4}},
        {"method": {"name": "solid"}},
        {"budget": {"eps": 20.0}},
        {"budget": {"ssim": 0.9}},
        {"views": {"shrink": [0.9, 1.0]}},
        {"run": {"seed": 1}},
        {"run": {"pull": 2.0}},
        {"run": {"quality": 90}},
    ],
    ids=str,
)
def test_a_veil_depends_on_every_setting(
    home: Path, scene: Scene, recognisers: tuple[str, ...], tables: dict[str, dict[str, Any]]
) -> None:
    one = picture(home / "p00" / "0.png")
    task = Task(one, arm(recognisers[0]))
    assert not veils_anew(scene, task, scene, task)
    assert veils_anew(scene, task, scene, Task(one, arm(recognisers[0], **tables)))


def test_a_veil_depends_on_the_photos_bytes_and_not_on_its_name(
    home: Path, scene: Scene, recognisers: tuple[str, ...]
) -> None:
    path = home / "p00" / "0.png"
    task = Task(picture(path), arm(recognisers[0]))
    shutil.copy(path, home / "p01" / "copy.png")
    same = Task(picture(home / "p01" / "copy.png"), arm(recognisers[0]))
    assert not veils_anew(scene, task, scene, same)
    Image.open(path).save(home / "p01" / "copy.png", compress_level=1)  # the same pixels
    assert veils_anew(scene, task, scene, same)


def test_a_veil_depends_on_targets_surrogate_alignment_and_device(
    home: Path, scene: Scene, tmp_path: Path, recognisers: tuple[str, ...]
) -> None:
    ada, bob, _ = recognisers
    one, two = picture(home / "p00" / "0.png"), picture(home / "p01" / "0.png")
    task = Task(one, arm(ada, targets=(two,)))
    assert veils_anew(scene, task, scene, Task(one, arm(ada)))
    assert veils_anew(scene, task, scene, Task(one, arm(ada, targets=(two, one))))
    assert veils_anew(scene, task, scene, Task(one, arm(bob, targets=(two,))))
    assert veils_anew(scene, task, replace(scene, alignment="whole"), task)
    before = set(entries(scene.cache, "veil"))
    Image.new("RGB", (48, 48)).save(home / "p01" / "0.png")
    work_out(scene, task)
    assert set(entries(scene.cache, "veil")) > before


def test_what_a_surrogate_sees_depends_on_its_network_and_on_its_card(
    home: Path, scene: Scene, tmp_path: Path, onnx_file: Callable[..., bytes]
) -> None:
    path = write_card(tmp_path, "eve", onnx_file(seed=7))
    scene = replace(scene, victims=victims(str(path)))
    task = Task(picture(home / "p00" / "0.png"), arm(str(path)))

    def count() -> tuple[int, int]:
        card_of.cache_clear()
        work_out(scene, task)
        return len(entries(scene.cache, "veil")), len(entries(scene.cache, "embed"))

    assert count() == (1, 1)
    card = card_of(str(path))
    path.write_text(config.write(replace(card, title="Eve the second")))
    assert count() == (1, 1)
    path.write_text(config.write(replace(card, crop=replace(card.crop, channels="bgr"))))
    assert count() == (2, 2)
    write_card(tmp_path, "eve", onnx_file(seed=8))
    assert count()[0] == 3


def keys(scene: Scene, task: Task, kind: str) -> set[str]:
    """Of the results of a kind there are once ``task`` is done."""
    origins.code.cache_clear()
    work_out(scene, task)
    return set(entries(scene.cache, kind))


def test_a_result_depends_on_the_code_it_came_from(
    home: Path, scene: Scene, recognisers: tuple[str, ...], edit: Edit
) -> None:
    task = Task(picture(home / "p00" / "0.png"), arm(recognisers[0]))
    for kind, module, name in (
        ("veil", "faceveil.masks.obfuscate", "_mosaic"),
        ("embed", "faceveil.app.treatment", "_jpeg"),
        ("damage", "faceveil.bench.damage", "MAX_DB"),
        ("face", "faceveil.faces.detect", "AT_ONCE"),
    ):
        before = keys(scene, task, kind)
        edit(module, name, f"{name}_")
        assert len(keys(scene, task, kind)) == len(before) + 1, kind


@pytest.mark.parametrize(
    ("module", "old", "new", "matters"),
    [
        ("faceveil.masks.obfuscate", "factor: Share = 0.1", "factor: Share = 0.2", True),
        ("faceveil.masks.method", "FACES_AT_ONCE = 4", "FACES_AT_ONCE = 5", True),
        ("faceveil.masks.enforce", "_HALVINGS = 10", "_HALVINGS = 9", True),
        ("faceveil.masks.views", "import torch\n", "import torch\n\nSTEPS = 1\n", True),
        ("faceveil.core.goal", "weight: float = 1.0", "weight: float = 2.0", True),
        ("faceveil.core.seeds", "digest_size=8", "digest_size=9", True),
        ("faceveil.faces.patch", "MULTIPLE = 16", "MULTIPLE = 8", True),
        ("faceveil.faces.regions", "full=0.78", "full=0.7", True),
        ("faceveil.io.encode", "compress_level=4", "compress_level=5", True),
        ("faceveil.data.align", "TEMPLATE_PX = 112", "TEMPLATE_PX = 113", True),
        ("faceveil.recognisers.recogniser", "(255 * x", "(254 * x", True),
        ("faceveil.recognisers.onnx.importer", "import torch\n", "import torch\n\nA = 1\n", True),
        ("faceveil.recognisers.decoys", 'SHA256 = "', 'SHA256 = "0', True),
        ("faceveil.app.protect", "seeds.derive(run.seed", "seeds.derive(1 + run.seed", True),
        ("faceveil.app.engine", "return Dodge()\n", "return Dodge() & Dodge()\n", True),
        ("faceveil.masks.obfuscate", '"""Everything darker', '"""Everything in the dark', False),
        ("faceveil.masks.enforce", "_HALVINGS = 10", "_HALVINGS = 10  # as ever", False),
        ("faceveil.masks.lowkey", "eps=32.0", "eps=33.0", False),
        ("faceveil.masks.iterative", "NonNegative = 1.0", "NonNegative = 0.5", False),
        ("faceveil.masks.registry", "METHODS: dict", "MANY: dict", False),
        ("faceveil.app.protect", "def __call__(", "def call(", False),
        ("faceveil.bench.damage", "MAX_DB = 100.0", "MAX_DB = 200.0", False),
    ],
)  # fmt: skip
def test_a_veil_depends_on_the_code_that_makes_it_and_on_no_other(
    edit: Edit, module: str, old: str, new: str, matters: bool
) -> None:
    def code() -> str:
        origins.code.cache_clear()
        return origins.veiling_code(Darken)

    before = code()
    edit(module, old, new)
    assert (code() != before) == matters


@pytest.mark.parametrize(
    ("module", "old", "new", "matters"),
    [
        ("faceveil.app.treatment", "quality=round(quality)", "quality=int(quality)", True),
        ("faceveil.app.embed", "import torch\n", "import torch\n\nA = 1\n", True),
        (
            "faceveil.bench.work",
            "found = models.detector(pixels)",
            "found = models.detector(photo)",
            True,
        ),
        ("faceveil.faces.detect", "AT_ONCE = 16", "AT_ONCE = 17", True),
        ("faceveil.faces.place", "OVERLAP = 0.3", "OVERLAP = 0.4", True),
        ("faceveil.masks.obfuscate", "class Darken(", "class Darkened(", False),
        ("faceveil.measures.flip", "import torch\n", "import torch\n\nA = 1\n", False),
    ],
)
def test_an_embedding_depends_on_the_code_that_looks(
    edit: Edit, module: str, old: str, new: str, matters: bool
) -> None:
    def code() -> str:
        origins.code.cache_clear()
        return origins.embedding_code()

    before = code()
    edit(module, old, new)
    assert (code() != before) == matters


def test_other_versions_of_the_libraries_begin_anew(
    home: Path, scene: Scene, recognisers: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    task = Task(picture(home / "p00" / "0.png"), arm(recognisers[0]))
    before = keys(scene, task, "")
    monkeypatch.setattr(origins, "version", lambda name: "99")
    assert len(keys(scene, task, "")) == 2 * len(before)


@dataclasses.dataclass(frozen=True)
class OfMine(Method):
    """A researcher's own, in a file of theirs."""

    name = "of-mine"
    summary = "a constant"

    def masks(self, problem: Problem) -> torch.Tensor:
        return torch.full_like(problem.pixels, problem.eps)


def test_a_method_of_another_package_counts_with_its_code(
    home: Path, scene: Scene, recognisers: tuple[str, ...], edit: Edit
) -> None:
    settings = replace(arm(recognisers[0]).settings, method=OfMine())
    task = Task(picture(home / "p00" / "0.png"), Arm({"method": "of-mine"}, settings))
    before = keys(scene, task, "veil")
    edit(__name__, "problem.eps)", "-problem.eps)")
    assert len(keys(scene, task, "veil")) == len(before) + 1


def test_pictures_without_a_face_and_files_that_are_no_photos_have_a_fault(
    tmp_path: Path, seen: Scene, recognisers: tuple[str, ...]
) -> None:
    sky, broken = tmp_path / "p" / "sky.png", tmp_path / "p" / "broken.png"
    sky.parent.mkdir()
    Image.new("RGB", (96, 64), (90, 140, 200)).save(sky)
    broken.write_bytes(b"\x89PNG\r\n\x1a\n and then nothing")
    for task_arm in (None, arm(recognisers[0])):
        item = work_out(seen, Task(picture(sky), task_arm))
        assert item.fault == "No face was found in this picture."
        assert (item.sha256, item.damage, item.embeddings) == ("", {}, {})
        item = work_out(seen, Task(picture(broken), task_arm))
        assert item.fault is not None
        assert "broken.png is damaged" in item.fault
    (known,) = recall(seen, [Task(picture(sky))])
    assert known is not None
    assert known.fault == "No face was found in this picture."


def test_a_target_without_a_face_is_named(
    tmp_path: Path, seen: Scene, recognisers: tuple[str, ...]
) -> None:
    Image.new("RGB", (96, 64)).save(tmp_path / "sky.png")
    models = Models(seen)
    made = arm(
        recognisers[0],
        targets=(picture(tmp_path / "sky.png"),),
        method={"name": "mim"},
        run={"goal": "impersonate"},
    )
    with pytest.raises(NoFaceError, match=r"sky\.png: no face found"):
        models.protector(made)


def test_masks_are_made_towards_the_targets_as_the_surrogate_sees_them(
    home: Path, scene: Scene, recognisers: tuple[str, ...]
) -> None:
    two = (picture(home / "p01" / "0.png"), picture(home / "p01" / "1.png"))
    ada = recognisers[0]
    made = arm(ada, targets=two, method={"name": "mim", "steps": 1}, run={"goal": "impersonate"})
    goal = Models(scene).protector(made).engine.goal
    assert goal.targets is not None
    for row, one in zip(goal.targets["ada"], two, strict=True):
        seen = work_out(scene, Task(one)).embeddings[ada, "as written"]
        assert torch.allclose(row, seen, atol=1e-6)


def test_obfuscations_only_dodge_and_what_needs_decoys_says_what_it_lacks(
    home: Path, scene: Scene, recognisers: tuple[str, ...]
) -> None:
    assert Settings.build({"method": {"name": "darken"}}).run.goal == "dodge"
    both = {"run": {"goal": "both"}}
    one = picture(home / "p00" / "0.png")
    assert work_out(scene, Task(one, arm(recognisers[0]))).fault is None
    with pytest.raises(ModelError, match="no decoys for ada"):
        work_out(scene, Task(one, arm(recognisers[0], method={"name": "mim"}, **both)))


def test_a_worker_computes_in_one_thread(scene: Scene) -> None:
    torch.set_num_threads(2)
    start(scene)
    assert torch.get_num_threads() == 1


def test_a_treated_face_is_looked_for_again_and_taken_to_be_where_it_was(
    tmp_path: Path, portrait_path: Path, seen: Scene
) -> None:
    image = Image.open(portrait_path).convert("RGB").crop((120, 0, 330, 230))
    path = tmp_path / "p" / "me.png"
    path.parent.mkdir()
    image.save(path)
    models = Models(seen)
    photo = read(path)
    face = models.face(photo)
    worker = Worker(seen, models)
    half = worker._seen(photo, photo, face, Treatment("resize 0.5"), models)
    assert half[0].shape == (115, 105, 3)
    assert half[1].landmarks == pytest.approx((face.landmarks + 0.5) / 2 - 0.5, abs=1.5)
    assert half[1].score < 1
    gone = worker._seen(photo, photo, face, Treatment("blur 50"), models)
    assert gone[1] == face


def test_a_veiled_picture_of_another_format_keeps_its_format(
    home: Path, scene: Scene, recognisers: tuple[str, ...]
) -> None:
    path = home / "p00" / "a.jpg"
    Image.open(home / "p00" / "0.png").save(path, quality=95)
    keep = scene.cache.parent / "veiled"
    item = work_out(replace(scene, keep=keep), Task(picture(path), arm(recognisers[0])))
    (written,) = keep.rglob("a.jpg")
    veiled = decode(written.read_bytes(), "a.jpg")
    assert (veiled.format, veiled.sha256) == ("JPEG", item.sha256)


def at_floor(floor: float, surrogate: str, method: dict[str, Any]) -> Arm:
    one = arm(surrogate, method=method, budget={"eps": 32.0, "ssimulacra2": floor})
    return replace(one, at={"floor": f"{floor:g}"})


@pytest.mark.parametrize(
    ("method", "n_bundles"),
    [({"name": "mim", "steps": 2, "alpha": 20.0}, 1), ({"name": "veil", "steps": 2}, 2)],
)
def test_one_mask_is_laid_at_every_floor_unless_it_follows_the_floor(  # noqa: PLR0917
    home: Path,
    scene: Scene,
    recognisers: tuple[str, ...],
    method: dict[str, Any],
    n_bundles: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    one = picture(home / "p00" / "0.png")
    tasks = [Task(one, at_floor(floor, recognisers[0], method)) for floor in (30.0, 90.0)]
    alone = [
        work_out(replace(scene, cache=scene.cache.with_name(f"{i}.sqlite")), task)
        for i, task in enumerate(tasks)
    ]
    proposed = []
    usual = Protector.propose

    def counted(self: Protector, *args: Any) -> Any:
        proposed.append(1)
        return usual(self, *args)

    monkeypatch.setattr(Protector, "propose", counted)
    bundled = bundles([*tasks, Task(one), Task(picture(home / "p00" / "1.png"), tasks[0].arm)])
    assert [len(bundle) for bundle in bundled] == [*([2] if n_bundles == 1 else [1, 1]), 1, 1]
    worker = Worker(scene, Models(scene))
    together = [item for bundle in bundled[:n_bundles] for item in worker.each(bundle)]
    assert len(proposed) == n_bundles
    assert [item.sha256 for item in together] == [item.sha256 for item in alone]
    strong, faint = (item.damage["ssimulacra2"] for item in together)
    assert strong < 89.9 <= faint < 100


def test_targets_keep_masks_apart(home: Path, recognisers: tuple[str, ...]) -> None:
    shown = [picture(home / "p01" / f"{i}.png") for i in range(2)]
    arms = [arm(recognisers[0], targets=(target,)) for target in shown]
    assert len(bundles(Task(picture(home / "p00" / "0.png"), one) for one in arms)) == 2
