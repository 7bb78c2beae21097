"""Albums: what is planned, what became of each photo, what a later run keeps, and full disks."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from faceveil.app import album, receipt
from faceveil.app.album import Job, keep_finished, plan, run_job, sweep
from faceveil.app.protect import Outcome, Protector
from faceveil.core.errors import UsageError
from faceveil.core.seeds import content_hash
from faceveil.io import atomic
from faceveil.io.photo import Photo
from faceveil.masks.problem import Progress

FULL, READ_ONLY = errno.ENOSPC, errno.EROFS


class Remembering(Protector):
    """Veils the portrait, and nothing else, without the work: it remembers the outcome."""

    def __init__(self, protector: Protector, outcome: Outcome):
        super().__init__(protector.settings, protector.engine)
        self.outcome = outcome

    def __call__(self, photo: Photo, progress: Progress = lambda share: None) -> Outcome:
        return self.outcome


class Interrupted(Protector):
    """Does something else than to veil."""

    def __init__(self, protector: Protector, act: Callable[[], None]):
        super().__init__(protector.settings, protector.engine)
        self.act = act

    def __call__(self, photo: Photo, progress: Progress = lambda share: None) -> Outcome:
        self.act()
        raise AssertionError("the act was to raise")


def allocate_with_torch() -> None:
    torch.empty(1 << 48)


def allocate_with_numpy() -> None:
    np.empty(1 << 60, np.uint8)


def allocate_on_gpu() -> None:
    raise torch.OutOfMemoryError("CUDA out of memory.")


def mistake() -> None:
    torch.zeros(2, 3).view(7)


@pytest.fixture
def quick(protector: Protector, outcome: Outcome) -> Protector:
    return Remembering(protector, outcome)


@pytest.fixture
def photo(tmp_path: Path, portrait_path: Path) -> Path:
    return shutil.copy(portrait_path, tmp_path / "me.png")


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def break_writing(monkeypatch: pytest.MonkeyPatch, number: int, when: Callable[[], bool]) -> None:
    """From now on the disk refuses what is written to it ``when`` that is so."""
    fsync = os.fsync

    def refuse(handle: int) -> None:
        if when():
            raise OSError(number, os.strerror(number))
        fsync(handle)

    monkeypatch.setattr(os, "fsync", refuse)


class TestPlan:
    def test_beside_the_original(self, photo: Path, tmp_path: Path) -> None:
        assert plan([photo], None) == [Job(photo, tmp_path / "me.veiled.png")]
        assert plan([tmp_path], None, overwrite=True) == [
            Job(photo, tmp_path / "me.veiled.png", overwrite=True)
        ]

    def test_veiled_photos_and_the_output_folder_are_not_read_again(
        self, photo: Path, tmp_path: Path
    ) -> None:
        out = tmp_path / "out"
        out.mkdir()
        shutil.copy(photo, out / "me.png")
        shutil.copy(photo, tmp_path / "me.veiled.png")
        assert plan([tmp_path], out, recursive=True) == [Job(photo, out / "me.png")]

    def test_outputs_that_collide(self, photo: Path, tmp_path: Path) -> None:
        (tmp_path / "inner").mkdir()
        other = shutil.copy(photo, tmp_path / "inner" / "me.png")
        with pytest.raises(UsageError, match=r"me\.png and .*me\.png would both be written to"):
            plan([photo, other], tmp_path / "out")
        with pytest.raises(UsageError, match="is an input"):
            plan([photo], photo)

    def test_in_place(self, photo: Path, tmp_path: Path) -> None:
        assert plan([tmp_path], None, in_place=True) == [Job(photo, photo, overwrite=True)]
        backup = tmp_path / "me.original.png"
        jobs = [Job(photo, photo, overwrite=True, backup=backup)]
        assert plan([tmp_path], None, in_place=True, backup=True) == jobs
        shutil.copy(photo, backup)
        assert plan([tmp_path], None, in_place=True, backup=True) == jobs
        with pytest.raises(UsageError, match=r"me\.original\.png is named like the original"):
            plan([photo, backup], None, in_place=True)
        alone = shutil.copy(photo, tmp_path / "you.original.png")  # a backup of nothing
        assert plan([alone], None, in_place=True) == [Job(alone, alone, overwrite=True)]

    def test_wishes_that_contradict_each_other(self, photo: Path, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="--in-place and --out contradict"):
            plan([photo], tmp_path / "out", in_place=True)
        with pytest.raises(UsageError, match="--backup"):
            plan([photo], None, backup=True)

    def test_nothing_to_veil(self, photo: Path, tmp_path: Path) -> None:
        outer = tmp_path / "outer"
        (outer / "inner").mkdir(parents=True)
        shutil.copy(photo, outer / "inner")
        with pytest.raises(UsageError, match=r"no photo in .*outer .*--recursive"):
            plan([outer], None)
        assert len(plan([outer], None, recursive=True)) == 1
        (outer / "inner" / "me.png").unlink()
        with pytest.raises(UsageError, match=r"no photo in .*outer\.$"):
            plan([outer], None, recursive=True)
        with pytest.raises(UsageError, match=r"gone\.jpg does not exist"):
            plan([tmp_path / "gone.jpg"], None)


class TestRunJob:
    def test_veiled(self, photo: Path, tmp_path: Path, quick: Protector, outcome: Outcome) -> None:
        output = tmp_path / "new" / "folder" / "me.png"
        item = run_job(Job(photo, output), quick)
        assert (item.status, item.output, item.message) == ("veiled", output, None)
        assert item.verdict == replace(outcome.verdict, after=str(item.output))
        assert [face.status for face in item.faces] == ["veiled"]
        assert item.seconds is not None
        assert item.seconds >= 0
        assert output.read_bytes() == outcome.data
        assert names(output.parent) == ["me.png", "me.png.veil.json"]

    def test_no_face(self, tmp_path: Path, protector: Protector) -> None:
        Image.new("RGB", (96, 64), (90, 140, 200)).save(tmp_path / "sky.png")
        item = run_job(Job(tmp_path / "sky.png", tmp_path / "out.png"), protector)
        assert (item.status, item.output) == ("no face", None)
        assert "sky.png: no face found" in str(item.message)
        assert names(tmp_path) == ["sky.png"]

    @pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xe0 not a photo", b"\x89PNG\r\n\x1a\n"])
    def test_failed(self, data: bytes, tmp_path: Path, protector: Protector) -> None:
        (tmp_path / "broken.jpg").write_bytes(data)
        item = run_job(Job(tmp_path / "broken.jpg", tmp_path / "out.jpg"), protector)
        assert (item.status, item.output) == ("failed", None)
        assert "broken.jpg" in str(item.message)
        assert names(tmp_path) == ["broken.jpg"]

    def test_what_exists_is_left_alone(self, photo: Path, tmp_path: Path, quick: Protector) -> None:
        output = tmp_path / "me.veiled.png"
        output.write_bytes(b"mine")
        item = run_job(Job(photo, output), quick)
        assert item.status == "failed"
        assert "exists already" in str(item.message)
        overwritten = run_job(Job(photo, output, overwrite=True), quick)
        assert "may be another photo" in str(overwritten.message)
        assert output.read_bytes() == b"mine"
        output.unlink()
        assert run_job(Job(photo, output), quick).status == "veiled"
        assert run_job(Job(photo, output, overwrite=True), quick).status == "veiled"

    def test_what_changes_meanwhile_is_left_alone(
        self, photo: Path, tmp_path: Path, quick: Protector
    ) -> None:
        class Slow(Remembering):
            def __call__(self, photo: Photo, progress: Progress = lambda share: None) -> Outcome:
                edited.write_bytes(b"edited meanwhile")
                return self.outcome

        edited = photo
        slow = Slow(quick, quick.outcome)  # type: ignore[attr-defined]
        job = Job(photo, photo, overwrite=True, backup=tmp_path / "me.original.png")
        item = run_job(job, slow)
        assert item.status == "failed"
        assert "was changed while it was being veiled" in str(item.message)
        assert photo.read_bytes() == b"edited meanwhile"
        assert names(tmp_path) == ["me.png"]

    @pytest.mark.skipif(sys.platform != "linux", reason="others have no such names")
    @pytest.mark.parametrize("where", ["original", "output"])
    def test_a_folder_that_receipts_cannot_name(
        self, where: str, photo: Path, tmp_path: Path, quick: Protector
    ) -> None:
        odd = tmp_path / os.fsdecode(b"caf\xe9")
        odd.mkdir()
        original = shutil.move(photo, odd / "me.png") if where == "original" else photo
        output = (odd if where == "output" else tmp_path) / "out.png"
        item = run_job(Job(Path(original), output), quick)
        assert "is not valid UTF-8: rename it" in str(item.message)
        assert not output.exists()

    def test_a_folder_that_cannot_be_written_is_told_before_the_work(
        self, photo: Path, tmp_path: Path, protector: Protector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[Path] = []
        monkeypatch.setattr(os, "access", lambda folder, _: asked.append(folder))  # as for others
        job = Job(photo, tmp_path / "not" / "made" / "me.png")
        item = run_job(job, Interrupted(protector, mistake))
        assert "is read-only" in str(item.message)
        assert asked == [tmp_path]

    @pytest.mark.parametrize("ask", [allocate_with_torch, allocate_with_numpy, allocate_on_gpu])
    def test_too_little_memory(
        self, ask: Callable[[], None], photo: Path, protector: Protector, tmp_path: Path
    ) -> None:
        item = run_job(Job(photo, tmp_path / "out.png"), Interrupted(protector, ask))
        assert item.status == "failed"
        assert "me.png: there is not enough memory; try --jobs 1" in str(item.message)
        assert names(tmp_path) == ["me.png"]

    def test_a_mistake_of_ours_is_not_hidden(
        self, photo: Path, protector: Protector, tmp_path: Path
    ) -> None:
        with pytest.raises(RuntimeError, match="shape"):
            run_job(Job(photo, tmp_path / "out.png"), Interrupted(protector, mistake))

    @pytest.mark.skipif(os.name == "nt", reason="links need a privilege on Windows")
    def test_a_link_is_not_written_through(
        self, photo: Path, tmp_path: Path, quick: Protector
    ) -> None:
        outside = tmp_path / "outside.png"
        outside.write_bytes(b"precious")
        for target in (outside, tmp_path / "nowhere.png"):
            link = tmp_path / "link.png"
            link.unlink(missing_ok=True)
            link.symlink_to(target)
            item = run_job(Job(photo, link, overwrite=True), quick)
            assert item.status == "failed"
            assert "is a link to" in str(item.message)
        link.unlink()
        assert outside.read_bytes() == b"precious"
        assert names(tmp_path) == ["me.png", "outside.png"]


class TestBadDisks:
    @pytest.mark.parametrize(
        ("number", "said"), [(FULL, "disk is full"), (READ_ONLY, "is read-only")]
    )
    @pytest.mark.parametrize("place", ["beside", "in place", "in place with backup", "over"])
    def test_a_disk_that_refuses_leaves_everything_as_it_was(  # noqa: PLR0917  fixtures, by name
        self,
        number: int,
        said: str,
        place: str,
        photo: Path,
        tmp_path: Path,
        quick: Protector,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        output = tmp_path / "me.veiled.png"
        job = {
            "beside": Job(photo, output),
            "in place": Job(photo, photo, overwrite=True),
            "in place with backup": Job(
                photo, photo, overwrite=True, backup=tmp_path / "me.original.png"
            ),
            "over": Job(photo, output, overwrite=True),
        }[place]
        if place == "over":
            assert run_job(Job(photo, output), quick).status == "veiled"
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        break_writing(monkeypatch, number, lambda: True)
        item = run_job(job, quick)
        assert (item.status, item.output) == ("failed", None)
        assert said in str(item.message)
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before

    def test_the_receipt_is_there_before_the_photo_is_replaced(
        self, photo: Path, quick: Protector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        put, order = atomic._put_in_place, []

        def noted(temp: Path, path: Path, overwrite: bool) -> None:
            order.append(path.name)
            put(temp, path, overwrite)

        monkeypatch.setattr(atomic, "_put_in_place", noted)
        run_job(Job(photo, photo, overwrite=True), quick)
        assert order == ["me.png.veil.json", "me.png"]

    def test_the_disk_fills_up_after_the_backup(
        self, photo: Path, tmp_path: Path, quick: Protector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        original, backup = photo.read_bytes(), tmp_path / "me.original.png"
        job = Job(photo, photo, overwrite=True, backup=backup)
        with monkeypatch.context() as disk:
            break_writing(disk, FULL, backup.exists)
            assert run_job(job, quick).status == "failed"
        assert photo.read_bytes() == backup.read_bytes() == original
        assert names(tmp_path) == ["me.original.png", "me.png"]
        item = run_job(job, quick)  # with room again it goes on where it stopped
        assert item.status == "veiled", item.message
        assert backup.read_bytes() == original

    def test_a_backup_is_never_overwritten(
        self, photo: Path, tmp_path: Path, quick: Protector
    ) -> None:
        backup = tmp_path / "me.original.png"
        backup.write_bytes(b"the one original")
        before = photo.read_bytes()
        item = run_job(Job(photo, photo, overwrite=True, backup=backup), quick)
        assert item.status == "failed"
        assert "me.original.png holds another photo" in str(item.message)
        assert backup.read_bytes() == b"the one original"
        assert photo.read_bytes() == before

    @pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
    def test_a_backup_is_as_private_as_its_original(
        self, photo: Path, tmp_path: Path, quick: Protector
    ) -> None:
        photo.chmod(0o600)
        backup = tmp_path / "me.original.png"
        run_job(Job(photo, photo, overwrite=True, backup=backup), quick)
        assert [path.stat().st_mode & 0o777 for path in (photo, backup)] == [0o600, 0o600]

    def test_a_receipt_outlives_a_veil_that_cannot_replace_its_own(
        self, photo: Path, tmp_path: Path, quick: Protector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job = Job(photo, tmp_path / "me.veiled.png", overwrite=True)
        run_job(job, quick)
        before = {path: path.read_bytes() for path in tmp_path.iterdir()}
        put = atomic._put_in_place

        def refuse(temp: Path, path: Path, overwrite: bool) -> None:
            if path == job.output:
                raise OSError(FULL, os.strerror(FULL))
            put(temp, path, overwrite)

        monkeypatch.setattr(atomic, "_put_in_place", refuse)
        assert run_job(job, quick).status == "failed"
        assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before

    def test_a_name_that_is_too_long_with_its_suffix(
        self, photo: Path, tmp_path: Path, quick: Protector
    ) -> None:
        long = photo.rename(tmp_path / f"{'я' * 123}.png")
        (job,) = plan([long], None)
        item = run_job(job, quick)
        assert item.status == "failed"
        assert "name is too long" in str(item.message)

    @pytest.mark.skipif(sys.platform != "linux", reason="other systems have no such names")
    def test_a_name_that_is_not_unicode(
        self, photo: Path, tmp_path: Path, quick: Protector
    ) -> None:
        odd = photo.rename(tmp_path / os.fsdecode(b"caf\xe9.png"))
        (job,) = plan([odd], None)
        item = run_job(job, quick)
        assert item.status == "failed"
        assert "not valid UTF-8" in str(item.message)

    def test_any_other_error_of_the_system_is_that_photos_own(
        self, photo: Path, protector: Protector
    ) -> None:
        def unplug() -> None:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

        item = run_job(Job(photo, photo.with_name("a.png")), Interrupted(protector, unplug))
        assert (item.status, item.message) == ("failed", f"{photo}: Input/output error.")

    def test_a_folder_that_is_a_file(self, photo: Path, tmp_path: Path, quick: Protector) -> None:
        (tmp_path / "out").touch()
        item = run_job(Job(photo, tmp_path / "out" / "me.png"), quick)
        assert item.status == "failed"
        assert "is not a folder" in str(item.message)

    def test_a_veiled_photo_is_not_veiled_again(
        self, photo: Path, tmp_path: Path, quick: Protector
    ) -> None:
        veiled = Job(photo, tmp_path / "me.veiled.png")
        run_job(veiled, quick)
        item = run_job(Job(veiled.output, tmp_path / "again.png"), quick)
        assert item.status == "failed"
        assert "is veiled already" in str(item.message)
        assert str(item.message).endswith("would take the first one off: veil me.png instead.")
        run_job(Job(photo, photo, overwrite=True), quick)
        assert "is veiled already" in str(run_job(Job(photo, photo, overwrite=True), quick).message)
        shutil.copy(veiled.original, veiled.output)  # whoever edits it since has another photo
        Image.new("RGB", (9, 9)).save(veiled.output)
        assert run_job(Job(veiled.output, tmp_path / "again.png"), quick).status == "veiled"


class TestKeepFinished:
    @pytest.fixture
    def job(self, photo: Path, tmp_path: Path, quick: Protector) -> Job:
        job = Job(photo, tmp_path / "me.veiled.png")
        assert run_job(job, quick).status == "veiled"
        return job

    def test_the_same_again(self, job: Job, quick: Protector, outcome: Outcome) -> None:
        (item,), left = keep_finished([job], quick.settings)
        assert left == []
        assert (item.status, item.output, item.original) == ("kept", job.output, job.original)
        assert item.faces == outcome.faces
        assert item.verdict == replace(outcome.verdict, after=str(job.output))

    def test_what_is_not_the_same_is_left(self, job: Job, quick: Protector, tmp_path: Path) -> None:
        again = replace(job, overwrite=True)
        paper = receipt.path_of(job.output)
        settings = quick.settings
        other = replace(settings, run=replace(settings.run, seed=9))
        assert keep_finished([job], other) == ([], [again])

        for path, damage, left in (
            (job.output, b"half", again),
            (paper, b"{", job),
            (paper, b'{"faceveil": "0.0.0"}', job),
            (job.original, b"another photo", again),
        ):
            whole = path.read_bytes()
            path.write_bytes(damage)
            assert keep_finished([job], settings) == ([], [left])
            path.unlink()
            assert keep_finished([job], settings) == ([], [left])
            path.write_bytes(whole)
        assert keep_finished([job], settings)[1] == []

    def test_what_was_edited_since_is_not_redone(self, job: Job, quick: Protector) -> None:
        Image.new("RGB", (9, 9)).save(job.output)
        edited = job.output.read_bytes()
        assert keep_finished([job], quick.settings) == ([], [job])
        assert "was changed since its receipt" in str(run_job(job, quick).message)
        assert job.output.read_bytes() == edited
        assert run_job(replace(job, overwrite=True), quick).status == "veiled"

    def test_a_file_that_is_not_ours_is_never_replaced(
        self, photo: Path, tmp_path: Path, quick: Protector
    ) -> None:
        job = Job(photo, tmp_path / "pictures" / "me.png")
        job.output.parent.mkdir()
        job.output.write_bytes(b"another photo of that name")
        kept, (left,) = keep_finished([job], quick.settings)
        assert (kept, left) == ([], job)
        assert "exists already" in str(run_job(left, quick).message)
        assert job.output.read_bytes() == b"another photo of that name"

    def test_another_recogniser_of_that_name_is_another_wish(
        self, job: Job, quick: Protector
    ) -> None:
        paper = receipt.path_of(job.output)
        record = json.loads(paper.read_bytes())
        record["models"][next(iter(record["models"]))] = "0" * 64
        paper.write_text(json.dumps(record))
        assert keep_finished([job], quick.settings) == ([], [replace(job, overwrite=True)])

    def test_targets_that_changed_are_another_wish(
        self, photo: Path, tmp_path: Path, quick: Protector, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        people = tmp_path / "people"
        people.mkdir()
        shutil.copy(photo, people / "eve.png")
        run = replace(quick.settings.run, goal="both", targets=Path("people"))
        quick.settings = replace(quick.settings, run=run)
        job = Job(photo, tmp_path / "me.veiled.png")
        run_job(job, quick)
        assert len(keep_finished([job], quick.settings)[0]) == 1
        (people / "eve.png").write_bytes(b"another photo")
        assert keep_finished([job], quick.settings) == ([], [replace(job, overwrite=True)])

    def test_in_place(self, photo: Path, tmp_path: Path, quick: Protector) -> None:
        job = Job(photo, photo, overwrite=True, backup=tmp_path / "me.original.png")
        assert keep_finished([job], quick.settings) == ([], [job])
        run_job(job, quick)
        (item,), left = keep_finished([job], quick.settings)
        assert (item.status, left) == ("kept", [])
        paper = receipt.read(receipt.path_of(photo))
        assert paper.input.path == "me.original.png"
        assert paper.output.sha256 == content_hash(photo.read_bytes())


class TestSweep:
    def test_only_what_a_killed_run_left_goes(self, photo: Path, tmp_path: Path) -> None:
        code = "import sys; print(__import__('os').getpid())"
        ended = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True)
        stale = tmp_path / f".faceveil-{atomic._MACHINE}-{int(ended.stdout)}-{'0' * 16}.tmp"
        busy = tmp_path / f".faceveil-{atomic._MACHINE}-{os.getpid()}-{'0' * 16}.tmp"
        for path in (stale, busy, tmp_path / "notes.tmp"):
            path.touch()
        sweep([Job(photo, tmp_path / "me.veiled.png"), Job(photo, tmp_path / "new" / "me.png")])
        assert names(tmp_path) == sorted([busy.name, "me.png", "notes.tmp"])


def test_one_bad_photo_stops_nothing_and_finished_ones_survive_a_stop(
    photo: Path,
    tmp_path: Path,
    protector: Protector,
    quick: Protector,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(album.Protector, "load", lambda settings, *, device: quick)
    (tmp_path / "broken.png").write_bytes(b"\x89PNG")
    jobs = plan([tmp_path / "broken.png", photo], tmp_path / "out")
    items = album.run_jobs([*jobs, jobs[1]], protector.settings, device="cpu")
    assert [next(items).status, next(items).status] == ["failed", "veiled"]
    items.close()
    assert names(tmp_path / "out") == ["me.png", "me.png.veil.json"]
    assert json.loads((tmp_path / "out" / "me.png.veil.json").read_text())["input"]["path"] == (
        "../me.png"
    )


def test_the_report_shows_what_was_written(photo: Path, tmp_path: Path, quick: Protector) -> None:
    item = run_job(Job(photo, tmp_path / "me.veiled.png"), quick)
    in_place = replace(item, output=item.original, before=None)
    skipped = replace(item.faces[0], index=1, status="skipped", why="too many")
    kept = replace(item, status="kept", seconds=None, faces=(*item.faces, skipped))
    item = replace(item, seconds=61.6)
    album.write_report(tmp_path / "report.html", [item, in_place, kept], quick.settings)
    html = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert html.count("<article") == 2
    assert html.count(f"<dd>{photo}, 512 x 512</dd>") == 2
    assert html.count(f"<dd>{item.output}, 512 x 512</dd>") == 2
    assert re.findall("<dt>Faces veiled</dt><dd>(.*?)</dd>", html) == ["1 of 1", "1 of 2"]
    assert re.findall("<dt>Time</dt><dd>(.*?)</dd>", html) == ["62 s"]
    assert re.search(r"<dt>Date</dt><dd>\d{4}-\d\d-\d\d \d\d:\d\d UTC</dd>", html)
    assert html.count("mobilefacenet") > 0
    assert "data:image" in html
    assert "Veil(steps=2" in html
