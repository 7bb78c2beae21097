"""Where a passphrase comes from: a file, the environment, or whoever sits at the terminal."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from faceveil.core.errors import SecretError, UsageError

VARIABLE = "FACEVEIL_PASSPHRASE"

PassphraseFile = Annotated[
    Path | None,
    typer.Option(help=f"File with the passphrase, for scripts. Default: ${VARIABLE}, or asked."),
]


def can_be_had(file: Path | None) -> bool:
    """Whether there is a passphrase, or somebody to ask."""
    return file is not None or VARIABLE in os.environ or sys.stdin.isatty()


def passphrase(
    file: Path | None,
    whose: str,
    *,
    new: bool = False,
    option: str = "--passphrase-file",
    by_environment: bool = True,
) -> str:
    """The passphrase of a key.

    Args:
        file: its first line is taken; None for the environment, or else a question.
        whose: what the question calls the key.
        new: whether it is being chosen, and asked for twice.
        option: what names the file on the command line.
        by_environment: whether the environment may say it.

    Raises:
        UsageError: there is nobody to ask.
        SecretError: the file cannot be read.
    """
    if file is not None:
        try:
            return file.read_text(encoding="utf-8").partition("\n")[0].removesuffix("\r")
        except (OSError, UnicodeDecodeError) as error:
            raise SecretError(f"{file}: the passphrase cannot be read ({error}).") from None
    if by_environment and (given := os.environ.get(VARIABLE)) is not None:
        if any("\udc80" <= character <= "\udcff" for character in given):
            raise UsageError(f"{VARIABLE} is not valid UTF-8: give {option}.")
        return given
    if not sys.stdin.isatty():
        instead = f", or set {VARIABLE}," if by_environment else ""
        whose = "A new passphrase" if new else "A passphrase"
        raise UsageError(f"{whose} is needed: give {option}{instead} where nobody can be asked.")
    question = f"Choose a passphrase for {whose}" if new else f"Passphrase of {whose}"
    answer: str = typer.prompt(question, hide_input=True, confirmation_prompt=new, err=True)
    return answer
