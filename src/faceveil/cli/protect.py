"""``faceveil protect``: veil photos."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from faceveil.cli import asked, console, outcomes
from faceveil.cli.passphrase import PassphraseFile
from faceveil.core.errors import FaceveilError, UsageError

if TYPE_CHECKING:
    from faceveil.app.album import Item, Job
    from faceveil.app.key import Key
    from faceveil.app.settings import Settings

Paths = Annotated[
    list[Path] | None,
    typer.Argument(help="Photos and folders of photos; - reads one from standard input."),
]
Out = Annotated[
    Path | None,
    typer.Option(
        "--out", "-o", help="Folder for the veiled photos, or a file. Default: NAME.veiled.EXT."
    ),
]
Method = Annotated[
    str | None, typer.Option(help="How to veil; `faceveil methods` lists them. Default: veil.")
]
Strength = Annotated[
    str | None,
    typer.Option(help="How much may be seen: low, medium (default) or high. More protects more."),
]
MaxDamage = Annotated[
    float | None,
    typer.Option(help="The same as a number up to 100; low is 20, medium 30, high 50."),
]
Eps = Annotated[float | None, typer.Option(help="Most a pixel may change, in 1/255.")]
Goal = Annotated[
    str | None, typer.Option(help="dodge, impersonate or both. Default: the method's.")
]
Targets = Annotated[
    Path | None,
    typer.Option(help="Folder of photos of people to be taken for. Default: bundled decoys."),
]
Surrogates = Annotated[
    list[str] | None,
    typer.Option("--surrogate", help="Recogniser the veil is made against; repeat for more."),
]
HeldOut = Annotated[
    list[str] | None,
    typer.Option("--held-out", help="Recogniser the veil is proved on; repeat for more."),
]
Faces = Annotated[str | None, typer.Option(help="all (default), largest, or how many.")]
Person = Annotated[
    list[str] | None,
    typer.Option(help="Lay the mask this person is enrolled with; repeat for more people."),
]
Strangers = Annotated[
    str | None,
    typer.Option(help="With --person, faces of others: leave (default), blur, pixelate or solid."),
]
Owner = Annotated[
    str | None,
    typer.Option(help="Mark the photos as this owner's (--method watermark); see `keys new`."),
]
Reference = Annotated[
    str | None,
    typer.Option(
        help="With --method makeup, the style: rose, smoky, coral, plum, or a made-up face's photo."
    ),
]
ShowSensitivity = Annotated[
    Path | None,
    typer.Option(
        metavar="PICTURE",
        help="Instead of veiling, draw which parts of a photo's faces recognisers go by.",
    ),
]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Also folders in folders.")]
InPlace = Annotated[bool, typer.Option("--in-place", help="Replace the originals.")]
Backup = Annotated[bool, typer.Option("--backup", help="With --in-place: keep NAME.original.EXT.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace earlier outputs.")]
Resume = Annotated[bool, typer.Option("--resume", help="Keep what an earlier run finished.")]
KeepMetadata = Annotated[
    bool,
    typer.Option("--keep-metadata", help="Keep camera and date (never location or preview)."),
]
Seed = Annotated[int | None, typer.Option(help="Where random draws begin; same seed, same bytes.")]
TimeBudget = Annotated[
    str | None,
    typer.Option(help="Seconds a face may take, such as 5s; fewer steps are made if need be."),
]
Jobs = Annotated[int, typer.Option(min=1, help="Photos worked on at a time.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings in TOML; options here win over it.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, such as method.steps=100; repeat for more."),
]
Json = Annotated[bool, typer.Option("--json", help="Print what was done as JSON.")]
Report = Annotated[Path | None, typer.Option(help="Write an HTML report with pictures.")]
Replay = Annotated[
    Path | None, typer.Option(help="Make the veil of this receipt again, byte for byte.")
]


def protect(  # noqa: PLR0917  the command line passes everything by name
    context: typer.Context,
    paths: Paths = None,
    out: Out = None,
    method: Method = None,
    strength: Strength = None,
    max_damage: MaxDamage = None,
    eps: Eps = None,
    goal: Goal = None,
    targets: Targets = None,
    surrogate: Surrogates = None,
    held_out: HeldOut = None,
    faces: Faces = None,
    person: Person = None,
    strangers: Strangers = None,
    owner: Owner = None,
    reference: Reference = None,
    passphrase_file: PassphraseFile = None,
    recursive: Recursive = False,
    in_place: InPlace = False,
    backup: Backup = False,
    overwrite: Overwrite = False,
    resume: Resume = False,
    keep_metadata: KeepMetadata = False,
    seed: Seed = None,
    time_budget: TimeBudget = None,
    jobs: Jobs = 1,
    device: Device = "auto",
    config_file: ConfigFile = None,
    set_: Set = None,
    json_: Json = False,
    report: Report = None,
    replay: Replay = None,
    show_sensitivity: ShowSensitivity = None,
) -> None:
    """Veil the faces in photos, and check the written files on recognisers that were held out.

    Originals are never changed unless you say --in-place. A receipt beside each veiled photo
    (NAME.veil.json) says how it was made; keep it to yourself.

    Exit codes: 0 done, 2 usage, 3 some files failed, 4 no face found, 5 veiled, but a held-out
    recogniser still matches a file as written, or none can say. Where a match only comes back
    after JPEG 75, a line says so and the code is 0; that of faceveil check is 5 then.
    """
    if replay is not None:
        allowed = ("replay", "out", "person", "passphrase_file", "device", "overwrite")
        asked.only(context, "--replay takes all else from the receipt", *allowed)
        _replay(replay, out, asked.keys_of(person, passphrase_file), device, overwrite=overwrite)
        return
    if not paths:
        raise UsageError("Name the photos to veil, for example: faceveil protect me.jpg")
    if strangers is not None and not person:
        raise UsageError("--strangers says what becomes of faces that are no --person: name one.")
    method = asked.method_of(
        method, {"--person": person, "--owner": owner, "--reference": reference}
    )
    if method == "watermark" and owner is None:
        raise UsageError(
            "A mark is somebody's: name them with --owner (`faceveil keys new NAME` makes a key)."
        )
    keys = asked.keys_of(person, passphrase_file)
    wanted: dict[str, Any] = {
        "method.name": method,
        "method.reference": reference,
        "method.owner": asked.owner_id(owner, passphrase_file),
        "people.keys": [key.digest for key in keys] or None,
        "people.strangers": strangers,
        "budget.eps": eps,
        "run.goal": goal,
        "run.targets": None if targets is None else str(targets),
        "run.surrogates": surrogate,
        "run.held_out": held_out,
        "run.faces": asked.faces_of(faces),
        "run.keep_metadata": keep_metadata or None,
        "run.seed": seed,
    }
    damage = asked.damage_of(strength, max_damage)
    settings = asked.settings_of(config_file, wanted, set_ or [], damage)
    if show_sensitivity is not None:
        if any((out, in_place, resume, json_, report, time_budget)):
            raise UsageError("--show-sensitivity veils nothing: leave out what says how and where.")
        _show_sensitivity(settings, paths, show_sensitivity, device, overwrite=overwrite)
        return
    if time_budget is not None and (resume or jobs > 1):
        raise UsageError(
            "--time-budget finds out anew how many steps there is time for: with --resume or "
            "--jobs write --set method.steps=N instead, with the N it named."
        )
    if Path("-") in paths:
        if len(paths) > 1 or any((in_place, resume, report, time_budget, json_)):
            raise UsageError("- stands alone: it reads one photo and writes one.")
        _pipe(settings, keys, out, device, overwrite=overwrite)
        return
    asked.check_report(report, in_place=in_place, backup=backup)
    from faceveil.app import album

    planned = album.plan(
        paths, out, recursive=recursive, overwrite=overwrite, in_place=in_place, backup=backup
    )
    if time_budget is not None:
        settings = asked.paced(settings, time_budget, planned, device)
    _protect_files(
        settings,
        planned,
        keys,
        n_processes=jobs,
        device=device,
        resume=resume,
        as_json=json_,
        report=report,
    )


def _show_sensitivity(
    settings: Settings, paths: list[Path], picture: Path, device: str, *, overwrite: bool
) -> None:
    """Draw what recognisers go by; see :mod:`faceveil.app.sensitivity`."""
    if len(paths) > 1 or paths[0].is_dir():
        raise UsageError("--show-sensitivity draws the faces of one photo: name one.")
    if picture.suffix.lower() != ".png":
        raise UsageError(f"--show-sensitivity writes a PNG: call it {picture.stem}.png.")
    from faceveil.app.engine import Engine
    from faceveil.app.sensitivity import sensitivity
    from faceveil.io import atomic, find
    from faceveil.io.photo import read

    find.check_not(picture, paths[0])
    atomic.check(picture, overwrite=overwrite)
    engine = Engine.load(settings.run, device=device)
    found = sensitivity(
        read(paths[0]),
        engine.detector,
        [judge for judge, _ in engine.judges],
        n_faces=settings.run.n_faces,
    )
    atomic.write(picture, found.png(), overwrite=overwrite)
    for (one, other), rho in found.agreement.items():
        console.err.print(f"{one} and {other}: rank correlation {rho:.2f}.")
    console.err.print(f"{picture}: what recognisers go by. Nothing was veiled.")


def _protect_files(
    settings: Settings,
    jobs: list[Job],
    keys: list[Key],
    *,
    n_processes: int,
    device: str,
    resume: bool,
    as_json: bool,
    report: Path | None,
) -> None:
    from faceveil.app import album

    album.sweep(jobs)
    items, left = album.keep_finished(jobs, settings) if resume else ([], list(jobs))
    with console.progress("Veiling", len(left)) as (advance, say):
        try:
            for item in album.run_jobs(
                left,
                settings,
                keys=keys,
                device=device,
                n_processes=n_processes,
                progress=advance,
            ):
                items.append(item)
                for line in (*outcomes.lines(item, settings), *outcomes.advice(item, settings)):
                    say(line)
        except KeyboardInterrupt:
            say(
                f"Stopped: {len(items)} of {len(jobs)} photos are finished and kept; "
                "the same command with --resume does the rest."
            )
            raise
    reported = report is None or _write_report(report, items, settings)
    if as_json:
        typer.echo(json.dumps(outcomes.record(items, settings), indent=1, ensure_ascii=False))
    elif len(items) > 1:
        console.err.print(outcomes.summary(items))
    elif not left:
        for line in outcomes.lines(items[0], settings):
            console.err.print(line)
    raise typer.Exit(outcomes.exit_code(items) if reported else 3)


def _write_report(path: Path, items: list[Item], settings: Settings) -> bool:
    """Whether it could be written; what was veiled stays so."""
    from faceveil.app import album

    try:
        album.write_report(path, items, settings)
    except FaceveilError as error:
        console.err.print(f"The report was not written: {error}")
        return False
    return True


def _pipe(
    settings: Settings, keys: list[Key], out: Path | None, device: str, *, overwrite: bool
) -> None:
    from faceveil.app import personal
    from faceveil.io import atomic, find
    from faceveil.io.photo import decode

    written = None if out is None or out == Path("-") else out
    if written is not None:
        atomic.check(written, overwrite=overwrite)
    photo = decode(sys.stdin.buffer.read(), "standard input")
    if written is not None:
        find.check_suffix(written, photo.format, photo.name)
    with console.progress("Veiling", 1) as (advance, say):
        outcome = personal.load(settings, keys, device=device)(photo, advance)
        for line in outcomes.of_veil(photo.notes, outcome.faces, outcome.verdict, settings):
            say(line)
    if written is None:
        sys.stdout.buffer.write(outcome.data)
        sys.stdout.buffer.flush()
    else:
        atomic.write(written, outcome.data, overwrite=overwrite)
    raise typer.Exit(0 if outcome.verdict.unrecognised() else 5)


def _replay(path: Path, out: Path | None, keys: list[Key], device: str, *, overwrite: bool) -> None:
    from faceveil.app import receipt, replay
    from faceveil.io import atomic, find, formats

    if out is not None:
        original = receipt.original_of(receipt.read(path), path)
        find.check_suffix(out, formats.of_suffix(original.suffix), str(original))
        find.check_not(out, original)
        atomic.check(out, overwrite=overwrite)
    with console.progress("Replaying", 1) as (advance, say):
        result = replay.replay(path, keys=keys, device=device, progress=advance)
        if out is not None:
            atomic.write(out, result.data, overwrite=overwrite)
        say(result.sentence + ("" if out else " Nothing was written: -o FILE does."))
    raise typer.Exit(0 if result.identical else 3)
