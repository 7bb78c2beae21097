"""Many photos: one after the other or in several processes, each finished before the next."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Literal

import torch

from faceveil.app import receipt
from faceveil.app.key import Key
from faceveil.app.personal import load
from faceveil.app.pool import each
from faceveil.app.protect import FaceOutcome, Protector
from faceveil.app.report import Page, render
from faceveil.app.settings import Settings
from faceveil.app.verdict import Verdict
from faceveil.core.errors import FaceveilError, NoFaceError, PhotoError, UsageError
from faceveil.core.seeds import content_hash
from faceveil.io import atomic, page
from faceveil.io.find import find, nothing_in, plan_outputs
from faceveil.io.photo import Photo, read
from faceveil.masks.problem import Progress

_ORIGINAL = ".original"
"""What stands before the suffix of a photo that was kept."""


@dataclass(frozen=True)
class Job:
    """One photo to veil; ``backup`` is where the original is copied before it is replaced."""

    original: Path
    output: Path
    overwrite: bool = False
    backup: Path | None = None


@dataclass(frozen=True)
class Item:
    """What became of one photo; ``message`` says why if it was not veiled now.

    ``before`` is where the photo is found as it was before its veil, None where it no longer is.
    ``seconds`` is how long veiling and judging took, None where that is not known.
    """

    original: Path
    output: Path | None
    status: Literal["veiled", "kept", "no face", "failed"]
    message: str | None = None
    notes: tuple[str, ...] = ()
    faces: tuple[FaceOutcome, ...] = ()
    verdict: Verdict | None = None
    before: Path | None = None
    seconds: float | None = None


def plan(
    paths: Sequence[Path],
    out: Path | None,
    *,
    recursive: bool = False,
    overwrite: bool = False,
    in_place: bool = False,
    backup: bool = False,
) -> list[Job]:
    """The jobs that ``paths`` mean.

    Args:
        paths: photos, and folders of photos.
        out: a folder the tree is kept under, or a file for a single photo; None writes
            ``NAME.veiled.EXT`` beside each photo.
        recursive: look into folders in folders.
        overwrite: earlier outputs may be replaced.
        in_place: each photo is replaced by its veiled version, except those called
            ``NAME.original.EXT`` beside a ``NAME.EXT``; ``out`` must be None.
        backup: before that, each photo is copied to ``NAME.original.EXT``.

    Raises:
        UsageError: nothing to veil, outputs that collide, or wishes that contradict each other.
    """
    if in_place and out is not None:
        raise UsageError("--in-place and --out contradict each other: choose one.")
    if backup and not in_place:
        raise UsageError("--backup copies originals before --in-place replaces them: add that.")
    found = find(paths, recursive=recursive, exclude=out)
    if not found:
        raise nothing_in(paths, recursive=recursive)
    if not in_place:
        return [Job(original, to, overwrite) for original, to in plan_outputs(found, out)]
    for path in paths:
        if _is_backup(path):
            raise UsageError(
                f"{path} is named like the original that --backup keeps of the photo beside it, "
                "which --in-place leaves alone: leave it out, or give it another name."
            )
    return [
        Job(item.path, item.path, overwrite=True, backup=_backup(item.path) if backup else None)
        for item in found
        if not _is_backup(item.path)
    ]


def sweep(jobs: Sequence[Job]) -> None:
    """Remove what earlier runs left half-written where these jobs write, if they were killed."""
    for folder in {job.output.parent for job in jobs}:
        if folder.is_dir():
            atomic.clean(folder)


def run_job(job: Job, protector: Protector, progress: Progress = lambda share: None) -> Item:
    """Veil one photo, write it and its receipt; whatever goes wrong is in the item."""
    try:
        photo = _read(job)
        began = time.perf_counter()
        outcome = protector(photo, progress)
        seconds = time.perf_counter() - began
        verdict = replace(outcome.verdict, after=str(job.output))
        outcome = replace(outcome, verdict=verdict)
        paper = receipt.make(photo, outcome, protector, job.backup or job.original, job.output)
        if job.output == job.original:
            _back_up(job, photo.sha256)
        _write(job, outcome.data, paper)
    except NoFaceError as error:
        return Item(job.original, None, "no face", str(error))
    except FaceveilError as error:
        return Item(job.original, None, "failed", str(error))
    except OSError as error:
        return Item(job.original, None, "failed", f"{job.original}: {error.strerror or error}.")
    except (MemoryError, RuntimeError) as error:
        if not _is_out_of_memory(error):
            raise
        return Item(
            job.original,
            None,
            "failed",
            f"{job.original}: there is not enough memory; try --jobs 1 or a smaller photo.",
        )
    return Item(
        job.original,
        job.output,
        "veiled",
        notes=photo.notes,
        faces=outcome.faces,
        verdict=outcome.verdict,
        before=_before(job),
        seconds=seconds,
    )


def _read(job: Job) -> Photo:
    """The photo, unless it is clear before it is veiled that nothing could be written."""
    try:
        for path in (job.original, job.output):
            str(path.parent.resolve() / path.name).encode()
    except UnicodeEncodeError:
        raise PhotoError(
            f"{job.original}: its name, or that of a folder on the way to it or to its output, is "
            "not valid UTF-8: rename it."
        ) from None
    atomic.check(job.output, overwrite=True)
    if job.output.exists():
        _check_replaceable(job)
    atomic.check(receipt.path_of(job.output), overwrite=True)
    photo = read(job.original)
    if (made := receipt.of_veiled(job.original, photo.sha256)) is not None:
        paper, original = receipt.path_of(job.original).name, made.input.path
        in_place = original == job.original.name
        instead = "; --resume keeps finished work" if in_place else f": veil {original} instead"
        raise PhotoError(
            f"{job.original} is veiled already, as {paper} says, and a second veil would take the "
            f"first one off{instead}."
        )
    if job.backup is not None:
        atomic.check(job.backup, overwrite=True)
        if job.backup.is_file() and not _holds(job.backup, photo.sha256):
            raise PhotoError(
                f"{job.backup} holds another photo, perhaps the original from before an earlier "
                f"veil of {job.original.name}: veil that one, or move it away first."
            )
    return photo


def _check_replaceable(job: Job) -> None:
    """Refuses to write over anything but an earlier output, or the original if asked."""
    if not job.overwrite and _is_edited(job.output):
        raise PhotoError(
            f"{job.output} was changed since its receipt was written: move it away, or use "
            "--overwrite to redo it."
        )
    if not job.overwrite:
        raise PhotoError(
            f"{job.output} exists already: remove it, or use --resume to keep finished work "
            "and --overwrite to redo it."
        )
    if job.output != job.original and receipt.beside(job.output) is None:
        raise PhotoError(
            f"{job.output} may be another photo, for no receipt beside it says that it is an "
            f"earlier output: it was not replaced, and {job.original} not veiled. Move it away, or "
            "choose another output."
        )


def _is_edited(output: Path) -> bool:
    """Whether an earlier output is another photo by now, and not just damaged."""
    if receipt.beside(output) is None or receipt.is_whole(output):
        return False
    try:
        read(output)
    except PhotoError:
        return False
    return True


def _back_up(job: Job, sha256: str) -> None:
    """Copies the original where it is to be kept, unless somebody changed it meanwhile."""
    original = job.original.read_bytes()
    if content_hash(original) != sha256:
        raise PhotoError(
            f"{job.original} was changed while it was being veiled, and was left as it is now: "
            "veil it again."
        )
    if job.backup is not None and not _holds(job.backup, sha256):
        atomic.write(job.backup, original, overwrite=False, like=job.original)


def _before(job: Job) -> Path | None:
    return job.backup or (None if job.output == job.original else job.original)


def _write(job: Job, data: bytes, paper: receipt.Receipt) -> None:
    """The receipt first: a run killed between the two veils the photo again, from its original.

    The other way round a photo replaced in place would be taken for one not veiled yet.
    """
    path = receipt.path_of(job.output)
    earlier = path.read_bytes() if path.is_file() else None
    atomic.write(path, paper.json(), overwrite=True)
    try:
        atomic.write(job.output, data, overwrite=job.overwrite)
    except PhotoError:
        if earlier is None:
            path.unlink(missing_ok=True)
        else:
            atomic.write(path, earlier, overwrite=True)
        raise


def keep_finished(jobs: Sequence[Job], settings: Settings) -> tuple[list[Item], list[Job]]:
    """What an earlier run has finished in the same way, and the jobs that are left.

    An output made in another way, or damaged, is written anew; one that has no receipt, or was
    edited since that was written, is not ours and stays.

    Raises:
        UsageError, PhotoError: what the veils are made after cannot be read.
    """
    wanted = receipt.origin_of(settings)
    kept, left = [], []
    for job in jobs:
        paper = receipt.finished(job.original, job.output, wanted)
        if paper is None:
            ours = receipt.beside(job.output) is not None and not _is_edited(job.output)
            left.append(replace(job, overwrite=job.overwrite or ours))
            continue
        kept.append(
            Item(
                job.original,
                job.output,
                "kept",
                "finished by an earlier run",
                paper.notes,
                paper.faces,
                paper.verdict,
                _before(job),
            )
        )
    return kept, left


def run_jobs(
    jobs: Sequence[Job],
    settings: Settings,
    *,
    keys: Sequence[Key] = (),
    device: str = "auto",
    n_processes: int = 1,
    progress: Progress = lambda share: None,
) -> Iterator[Item]:
    """Each job's item as it is finished; stopping the iteration keeps what is finished.

    Args:
        jobs: what to do; their order does not change any photo's bytes.
        settings: how.
        keys: of the people whose personal masks the settings name.
        device: where.
        n_processes: photos worked on at a time; the processor's cores are shared out among them.
        progress: called with the share of one photo done since its last call.

    Raises:
        UsageError, ModelError: the models cannot be loaded.
    """
    if n_processes <= 1 or len(jobs) <= 1:
        protector = load(settings, keys, device=device)
        for job in jobs:
            yield run_job(job, protector, progress)
        return
    start = partial(_start, settings, keys, device)
    for item in each(jobs, start, n_processes=n_processes):
        progress(1.0)
        yield item


def _start(settings: Settings, keys: Sequence[Key], device: str) -> Callable[[Job], Item]:
    return partial(run_job, protector=load(settings, keys, device=device))


def write_report(path: Path, items: Sequence[Item], settings: Settings) -> None:
    """One HTML page with every veiled photo's pictures and verdict.

    Raises:
        PhotoError: the report, or a photo it shows, cannot be read or written.
    """
    facts = {
        "Made by": f"faceveil {version('faceveil')}",
        "Date": datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
        "Method": repr(settings.method),
        "Budget": repr(settings.budget),
        "Seed": str(settings.run.seed),
    }
    page.write(path, render(_pages(items), title="Veiled photos", facts=facts))


def _pages(items: Sequence[Item]) -> Iterator[Page]:
    """One of each photo that is still there as it was before its veil."""
    for item in items:
        if item.output is None or item.verdict is None or item.before is None:
            continue
        before, after = read(item.before).pixels, read(item.output).pixels
        n_veiled = sum(face.status == "veiled" for face in item.faces)
        facts = {
            "Before": f"{item.before}, {before.shape[1]} x {before.shape[0]}",
            "After": f"{item.output}, {after.shape[1]} x {after.shape[0]}",
            "Faces veiled": f"{n_veiled} of {len(item.faces)}",
        }
        if item.seconds is not None:
            facts["Time"] = f"{item.seconds:.0f} s"
        yield Page(item.verdict, before, after, facts)


def _is_out_of_memory(error: Exception) -> bool:
    """For the processor's memory torch raises a RuntimeError that only its words tell apart."""
    known = isinstance(error, (MemoryError, torch.OutOfMemoryError))
    return known or "DefaultCPUAllocator" in str(error)


def _holds(path: Path, sha256: str) -> bool:
    """Whether a run that was stopped has already copied these bytes to ``path``."""
    return path.is_file() and content_hash(path.read_bytes()) == sha256


def _backup(path: Path) -> Path:
    return path.with_name(f"{path.stem}{_ORIGINAL}{path.suffix}")


def _is_backup(path: Path) -> bool:
    """Whether a photo seems to be what ``--backup`` kept of another one."""
    name = Path(path.stem)
    return name.suffix == _ORIGINAL and path.with_name(f"{name.stem}{path.suffix}").exists()
