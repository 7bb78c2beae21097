"""``faceveil reveal``: take a personal mask off a photo, with its key."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceveil.cli import console
from faceveil.cli.passphrase import PassphraseFile, passphrase

PhotoFile = Annotated[Path, typer.Argument(metavar="PHOTO", help="A photo veiled with --person.")]
Person = Annotated[str, typer.Option("--person", help="Whose mask it wears: a name or a key's id.")]
Out = Annotated[
    Path | None, typer.Option("--out", "-o", help="Where to write. Default: NAME.revealed.EXT.")
]
Receipt = Annotated[
    Path | None, typer.Option(help="The photo's receipt. Default: the one beside it, if any.")
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace an earlier output.")]


def reveal(  # noqa: PLR0917  the command line passes everything by name
    photo: PhotoFile,
    person: Person,
    out: Out = None,
    receipt: Receipt = None,
    passphrase_file: PassphraseFile = None,
    overwrite: Overwrite = False,
) -> None:
    """Take a personal mask off a photo; what is then seen is the photo as it was, or nearly.

    Exit codes: 0 done, 2 usage, 3 the key does not open, is not the photo's, or a file cannot be
    read or written, 4 no face found.
    """
    from faceveil.app import receipt as receipts
    from faceveil.app import reveal as use_case
    from faceveil.app.keyring import Keyring
    from faceveil.faces.detect import Detector
    from faceveil.io import atomic, find, formats
    from faceveil.io.photo import read

    out = out or photo.with_name(f"{photo.stem.removesuffix('.veiled')}.revealed{photo.suffix}")
    find.check_suffix(out, formats.of_suffix(photo.suffix), str(photo))
    find.check_not(out, photo)
    atomic.check(out, overwrite=overwrite)
    veiled = read(photo)
    beside = receipts.path_of(photo) if receipt is None else receipt
    paper = receipts.read(beside) if receipt is not None or beside.is_file() else None
    key = Keyring.of_user().open(person, passphrase(passphrase_file, person))
    revealed = use_case.reveal(veiled, key, Detector.load(), paper)
    atomic.write(out, revealed.data, overwrite=overwrite)
    console.err.print(f"{photo} -> {out}: {revealed.note}")
