"""``faceveil enrol``: make the personal mask of somebody, once, for all their photos."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from faceveil.cli import console
from faceveil.cli.passphrase import PassphraseFile, passphrase
from faceveil.core import config
from faceveil.core.errors import UsageError

Name = Annotated[str, typer.Argument(help="What to call the person.")]
Photos = Annotated[
    list[Path] | None, typer.Argument(help="Photos of them alone, four or more, and folders.")
]
Surrogates = Annotated[
    list[str] | None,
    typer.Option(
        "--surrogate",
        help="Recogniser the mask is made against; repeat for more. Default: the bundled three.",
    ),
]
HideName = Annotated[
    bool,
    typer.Option(
        "--hide-name/--show-name",
        help="Whether the name, too, can only be read with the passphrase. Default: hidden.",
    ),
]
Seed = Annotated[int | None, typer.Option(help="Where random draws begin.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or mps.")]
ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings in TOML; options here win over it.")
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", help="One setting, such as method.steps=200; repeat for more."),
]


def enrol(  # noqa: PLR0917  the command line passes everything by name
    name: Name,
    photos: Photos = None,
    surrogate: Surrogates = None,
    hide_name: HideName = True,
    passphrase_file: PassphraseFile = None,
    seed: Seed = None,
    device: Device = "auto",
    config_file: ConfigFile = None,
    set_: Set = None,
) -> None:
    """Make a personal mask from photos of one person, and keep it under a passphrase.

    Then `faceveil protect --person NAME` veils any photo of theirs at once, and `faceveil reveal`
    takes the veil off again. Whoever has the key can do that with every photo it veiled.

    Exit codes: 0 done, 2 usage, 3 the key or a photo cannot be used, 4 a photo shows no face.
    """
    if not photos:
        raise UsageError("Name photos of the person: faceveil enrol anna a.jpg b.jpg c.jpg d.jpg")
    wanted: dict[str, Any] = {"run.surrogates": surrogate, "run.seed": seed}
    named = {key: value for key, value in wanted.items() if value is not None}
    files = [] if config_file is None else [config_file]

    from faceveil.app import enrol as use_case
    from faceveil.app.engine import Engine
    from faceveil.app.keyring import Keyring
    from faceveil.io.find import find
    from faceveil.io.photo import read

    settings = use_case.settings(config.layered(files, named, set_ or []))
    found = find(photos, recursive=False)
    if not found:
        raise UsageError(f"There is no photo in {', '.join(map(str, photos))}.")
    secret = passphrase(passphrase_file, name, new=True)
    keyring = Keyring.of_user()
    keyring.check_free(name, secret)
    engine = Engine.load(settings.run, device=device)
    with console.progress("Making the mask", 1) as (advance, say):
        pictures = [read(item.path) for item in found]
        enrolled = use_case.enrol(name, pictures, engine, settings, advance)
        for note in enrolled.notes:
            say(note)
        entry = keyring.add(enrolled.key, secret, hide_name=hide_name)
        say(f"{name} is enrolled. The key is {entry.path}; without its passphrase it is lost.")
