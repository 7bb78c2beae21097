"""What the options of ``faceveil protect`` ask for, as settings and keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from faceveil.cli import console
from faceveil.cli.passphrase import passphrase
from faceveil.core import config
from faceveil.core.budget import DAMAGE
from faceveil.core.errors import UsageError
from faceveil.io import page

if TYPE_CHECKING:
    from faceveil.app.album import Job
    from faceveil.app.key import Key
    from faceveil.app.settings import Settings

MEANT = {"--person": "chameleon", "--owner": "watermark", "--reference": "makeup"}
"""Options that only one method understands."""


def only(context: typer.Context, why: str, *allowed: str) -> None:
    """Refuses all that was given on the command line but what is allowed.

    Args:
        context: of the command.
        why: the beginning of the sentence that says so.
        allowed: the names of parameters.
    """
    extra = [
        parameter.opts[0] if parameter.param_type_name == "option" else "PATHS"
        for parameter in context.command.params
        if parameter.name not in allowed
        and (source := context.get_parameter_source(str(parameter.name))) is not None
        and source.name == "COMMANDLINE"
    ]
    if extra:
        raise UsageError(f"{why}: leave out {', '.join(extra)}.")


def check_report(report: Path | None, *, in_place: bool, backup: bool) -> None:
    """Refuses, before any work, a report that could not be written or would show nothing."""
    if report is None:
        return
    page.check(report)
    if in_place and not backup:
        raise UsageError(
            "--report shows photos before and after, and --in-place keeps none from before: add "
            "--backup, or leave one of them out."
        )


def method_of(method: str | None, given: Mapping[str, object]) -> str | None:
    """The method, where it is named or options that only one understands are given."""
    asked = {option: MEANT[option] for option, value in given.items() if value}
    asked |= {} if method is None else {"--method": method}
    if len(set(asked.values())) > 1:
        wishes = " and ".join(f"{option} asks for {name}" for option, name in asked.items())
        raise UsageError(f"{wishes}: leave one of them out.")
    return next(iter(asked.values()), None)


def keys_of(people: list[str] | None, passphrase_file: Path | None) -> list[Key]:
    """The keys of people, unlocked."""
    if not people:
        return []
    from faceveil.app.keyring import Keyring

    keyring = Keyring.of_user()
    return [keyring.open(name, passphrase(passphrase_file, name)) for name in dict.fromkeys(people)]


def owner_id(name: str | None, passphrase_file: Path | None) -> str | None:
    """What the marks of an owner say."""
    if name is None:
        return None
    from faceveil.app.keyring import Keyring

    return Keyring.of_user().open_owner(name, passphrase(passphrase_file, name)).id


def faces_of(faces: str | None) -> int | str | None:
    """Which faces, or how many."""
    if faces in (None, "all", "largest"):
        return faces
    if not faces.isdecimal() or not int(faces):
        raise UsageError(f"--faces is all, largest, or how many of them, not {faces!r}.")
    return int(faces)


def damage_of(strength: str | None, max_damage: float | None) -> float | None:
    """How much may be seen, where that is said."""
    if strength is None:
        return max_damage
    if max_damage is not None:
        raise UsageError("--strength and --max-damage say the same: give one of them.")
    by_name = {str(name): damage for name, damage in DAMAGE.items()}
    if strength not in by_name:
        raise UsageError(f"There is no strength {strength!r}; there are {', '.join(by_name)}.")
    return by_name[strength]


def settings_of(
    config_file: Path | None,
    wanted: Mapping[str, Any],
    assignments: Sequence[str],
    damage: float | None,
) -> Settings:
    """Settings from a file, options and ``--set``; what comes later wins.

    Args:
        config_file: TOML.
        wanted: by ``table.field``; None for what is not asked for.
        assignments: ``table.field=value``.
        damage: how much may be seen, which the method puts in terms of its own.
    """
    from faceveil.app.settings import Settings

    files = [] if config_file is None else [config_file]
    named = {key: value for key, value in wanted.items() if value is not None}

    def built() -> Settings:
        return Settings.build(config.layered(files, named, assignments))

    if damage is not None:
        named |= built().method.at_damage(damage)
    return built()


def paced(settings: Settings, time_budget: str, planned: list[Job], device: str) -> Settings:
    """The settings with as many steps as there is time for; says how many."""
    from faceveil.app import pace

    try:
        seconds = float(time_budget.removesuffix("s"))
    except ValueError:
        raise UsageError(f"--time-budget {time_budget}: write seconds, such as 5s.") from None
    photos = [job.original for job in planned]
    paced = pace.within(settings, seconds, photos, device=device)
    console.err.print(f"method.steps={paced.plain()['method']['steps']} a face.")
    return paced
