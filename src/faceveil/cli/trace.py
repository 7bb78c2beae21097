"""``faceveil trace``: whose mark photos carry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceveil.cli.passphrase import PassphraseFile, passphrase
from faceveil.core import config
from faceveil.core.errors import FaceveilError, UsageError

if TYPE_CHECKING:
    from faceveil.app.trace import Trace

Photos = Annotated[list[Path] | None, typer.Argument(help="Photos and folders of photos.")]
Recursive = Annotated[bool, typer.Option("--recursive", "-r", help="Also folders in folders.")]
Owners = Annotated[
    list[str] | None,
    typer.Option("--owner", help="Whose marks to look for first: a key's name or id; repeatable."),
]
Json = Annotated[bool, typer.Option("--json", help="Print what was read as JSON.")]


def trace(
    photos: Photos = None,
    recursive: Recursive = False,
    owner: Owners = None,
    passphrase_file: PassphraseFile = None,
    as_json: Json = False,
) -> None:
    """Say whose mark photos carry, and how likely a photo without one is to say the same.

    Anybody's mark is read. Those of --owner are found in photos that are damaged more.

    Exit codes: 0 every photo carries a mark (of --owner, if named), 5 one does not, 2 usage, 3 a
    file or key cannot be read, 4 a photo shows no face.
    """
    if not photos:
        raise UsageError("Name the photos to trace, for example: faceveil trace me.veiled.jpg")
    from faceveil.app.keyring import Keyring
    from faceveil.app.trace import trace as read_marks
    from faceveil.faces.detect import Detector
    from faceveil.io.find import find, nothing_in
    from faceveil.io.photo import read

    found = find(photos, recursive=recursive, suffix=None)
    if not found:
        raise nothing_in(photos, recursive=recursive)
    keyring = Keyring.of_user()
    names = dict.fromkeys(owner or [])
    opened = [keyring.open_owner(name, passphrase(passphrase_file, name)) for name in names]
    name_by_id = {one.id: one.name for one in opened}
    detector = Detector.load()
    codes, records = {0}, []
    for path in (one.path for one in found):
        try:
            traces = read_marks(read(path), detector, list(name_by_id))
        except FaceveilError as error:
            typer.echo(str(error), err=True)
            codes.add(error.exit_code)
            continue
        marks = [one.mark.owner for one in traces if one.mark is not None]
        codes.add(0 if (name_by_id.keys() & marks if name_by_id else marks) else 5)
        records += [{"photo": str(path), **config.plain(one)} for one in traces]
        if not as_json:
            for one in traces:
                typer.echo(f"{path}: {_sentence(one, name_by_id)}")
    if as_json:
        typer.echo(json.dumps(records, indent=1, ensure_ascii=False))
    raise typer.Exit(next(code for code in (3, 4, 5, 0) if code in codes))


def _sentence(trace: Trace, name_by_id: dict[str, str]) -> str:
    from faceveil.app import sentences

    face = f"face {trace.index + 1}"
    if trace.mark is None:
        return f"{face} carries no mark that can be read."
    whose = name_by_id.get(trace.mark.owner)
    foreign = " It is of none of the owners named." if name_by_id and whose is None else ""
    return f"{face} {sentences.of_mark(trace.mark, whose)}{foreign}"
