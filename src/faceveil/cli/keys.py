"""``faceveil keys``: the keys of people and owners: making, moving and deleting them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceveil.cli.passphrase import PassphraseFile, can_be_had, passphrase
from faceveil.core.errors import UsageError

if TYPE_CHECKING:
    from faceveil.app.keyring import Entry

app = typer.Typer(help="Make, list, export, import and delete keys.", no_args_is_help=True)

Which = Annotated[
    str, typer.Argument(metavar="NAME", help="A name, or an id that `keys list` shows.")
]


@app.command("new")
def new_key(
    name: Annotated[str, typer.Argument(help="What to call the owner.")],
    hide_name: Annotated[
        bool,
        typer.Option(
            "--hide-name/--show-name",
            help="Whether the name, too, can only be read with the passphrase. Default: hidden.",
        ),
    ] = True,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Make an owner's key, to mark photos with: faceveil protect PHOTO --owner NAME."""
    from faceveil.app.keyring import Keyring
    from faceveil.app.owner import Owner

    owner = Owner.new(name)
    secret = passphrase(passphrase_file, name, new=True)
    keyring = Keyring.of_user()
    keyring.check_free(name, secret)
    entry = keyring.add(owner, secret, hide_name=hide_name)
    typer.echo(
        f"{name} marks photos as {owner.id}. The key is {entry.path}; without its passphrase it is "
        "lost."
    )


@app.command("list")
def list_keys(
    open_: Annotated[
        bool, typer.Option("--open", help="Show the hidden names that a passphrase opens.")
    ] = False,
    passphrase_file: PassphraseFile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the keys there are; names that were hidden stay so without --open."""
    from datetime import UTC, datetime

    from faceveil.app.keyring import Keyring, known_name

    entries = Keyring.of_user().entries()
    secret = passphrase(passphrase_file, "the keys") if open_ and entries else None
    rows = [
        {
            "id": one.id,
            "name": one.name if secret is None else known_name(one, secret),
            "made": datetime.fromtimestamp(one.path.stat().st_mtime, UTC).date().isoformat(),
            "path": str(one.path),
        }
        for one in entries
    ]
    if as_json:
        typer.echo(json.dumps(rows, indent=1, ensure_ascii=False))
        return
    for row in rows:
        typer.echo(f"{row['id']}  {row['made']}  {row['name'] or '(name hidden)'}")
    if not entries:
        typer.echo("Nobody is enrolled: faceveil enrol NAME PHOTOS")


@app.command("export")
def export_key(
    name: Which,
    out: Annotated[Path, typer.Argument(help="File to write, or a folder.")],
    passphrase_file: PassphraseFile = None,
) -> None:
    """Copy a key, sealed as it is, for a backup or another machine."""
    from faceveil.app import keyring
    from faceveil.io import atomic

    entry = _entry(name, passphrase_file)
    path = out / entry.path.name if out.is_dir() else out
    atomic.write(path, keyring.read(entry.path), overwrite=False, private=True)
    typer.echo(f"{entry} is in {path}. Its passphrase opens it there too.")


@app.command("import")
def import_key(file: Annotated[Path, typer.Argument(help="An exported key.")]) -> None:
    """Take an exported key in; its passphrase stays what it was."""
    from faceveil.app.keyring import Keyring

    typer.echo(f"{Keyring.of_user().take_in(file)} is on the keyring.")


@app.command("passphrase")
def change_passphrase(
    name: Which,
    passphrase_file: PassphraseFile = None,
    new_file: Annotated[
        Path | None,
        typer.Option("--new-passphrase-file", help="File with the new one. Default: asked."),
    ] = None,
) -> None:
    """Seal a key under another passphrase. Copies exported before keep the old one."""
    from faceveil.app import keyring

    secret = passphrase(passphrase_file, name)
    entry = keyring.Keyring.of_user().find(name, secret)
    new = passphrase(new_file, name, new=True, option="--new-passphrase-file", by_environment=False)
    keyring.reseal(entry, secret, new)
    typer.echo(f"{name} has a new passphrase.")


@app.command()
def delete(
    name: Which,
    confirm: Annotated[
        str | None, typer.Option(help="The name again, in scripts, instead of being asked.")
    ] = None,
    passphrase_file: PassphraseFile = None,
) -> None:
    """Delete a key for good, after asking in so many words."""
    from faceveil.app import keyring

    entry = _entry(name, passphrase_file)
    if confirm is None:
        typer.echo(
            f"Without this key nobody can take the masks of {entry} off again, veil new photos "
            "with the same mask, or mark them as theirs. Photos already veiled stay veiled.",
            err=True,
        )
        confirm = typer.prompt(f'Type "{name}" to delete it', err=True)
    if confirm != name:
        raise UsageError(f"{confirm!r} is not {name!r}: nothing was deleted.")
    keyring.delete(entry)
    typer.echo(f"{entry} is deleted.")


def _entry(name: str, passphrase_file: Path | None) -> Entry:
    """The key of that name or id; where the name may be a hidden one, its passphrase is asked."""
    from faceveil.app.keyring import Keyring

    keyring = Keyring.of_user()
    entries = keyring.entries()
    shown = any(name in (one.name, one.id) for one in entries)
    hidden = any(one.name is None for one in entries)
    asks = hidden and not shown and can_be_had(passphrase_file)
    return keyring.find(name, passphrase(passphrase_file, name) if asks else None)
