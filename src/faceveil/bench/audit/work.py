"""One recogniser of an audit: trained, attacked, and what came of it read back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from faceveil.app import invert as inverting
from faceveil.app import train as training
from faceveil.app.invert import Request
from faceveil.app.train import unseen
from faceveil.bench.audit import found
from faceveil.bench.audit.found import Found
from faceveil.bench.audit.protocol import Case, Inversion
from faceveil.core.errors import FaceveilError, UsageError
from faceveil.training.finished import read_recipe

CROPS = "crops"
SHARED = "shared"
"""Of a run: the attacker's faces, and networks trained on them, for all recognisers."""
TRAINED, INVERTED = "trained", "inverted"
"""Of a case: the folder of its ``faceveil train``, and that of its ``faceveil invert``."""


@dataclass(frozen=True)
class Work:
    """How the cases of an audit are worked off; each process is given one.

    Nobody else may work on a case meanwhile. What was stopped is gone on with.

    Attributes:
        audit: the settings.
        root: the folder of the run, absolute.
        device: where to compute.
    """

    audit: Inversion
    root: Path
    device: str

    def train(self, case: Case) -> None:
        """Train the recogniser, or go on.

        Raises:
            FaceveilError: it cannot be; which one is said.
        """
        with _named(case):
            training.train(
                case.recipe,
                self.trained(case),
                resume=True,
                bar=unseen,
                device=self.device,
                crops_folder=self.root / CROPS,
            )

    def attack(self, case: Case) -> None:
        """Attack the recogniser, or go on.

        One that has learnt nothing is attacked beside the control, for a floor.

        Raises:
            FaceveilError: it cannot be; which one is said.
        """
        request = Request(
            model=str(self.trained(case)),
            attacks=self.audit.made(),
            people=self.audit.people,
            public=self.audit.public,
            judge=self.audit.judge,
            untrained=case.defence == self.audit.control,
            seed=case.seed,
        )
        with _named(case):
            inverting.invert(
                request,
                self.inverted(case),
                bar=unseen,
                device=self.device,
                crops_folder=self.root / CROPS,
                shared=self.root / SHARED,
            )

    def is_trained(self, case: Case) -> bool:
        """Whether nothing is left to train.

        Raises:
            UsageError: it was trained by another recipe, as when a preset has changed since.
        """
        if not (self.trained(case) / training.FIGURES).is_file():
            return False
        if read_recipe(self.trained(case)) != case.recipe:
            raise UsageError(
                f"{case.defence}, seed {case.seed}: {self.trained(case)} was trained by another "
                "recipe: begin a new audit in another folder."
            )
        return True

    def is_attacked(self, case: Case) -> bool:
        """Whether all attacks are made and judged."""
        return (self.inverted(case) / inverting.FIGURES).is_file()

    def found(self, case: Case) -> list[Found]:
        """Everything measured of a finished case."""
        record = _read(self.trained(case) / training.FIGURES)
        return [
            found.recognition(case.defence, case.seed, record),
            *found.given_away(case.defence, case.seed, self.inversion(case)),
        ]

    def inversion(self, case: Case) -> dict[str, Any]:
        """What the inversion of a finished case wrote down."""
        return _read(self.inverted(case) / inverting.FIGURES)

    def trained(self, case: Case) -> Path:
        """The folder of its training."""
        return case.folder(self.root) / TRAINED

    def inverted(self, case: Case) -> Path:
        """The folder of its inversion."""
        return case.folder(self.root) / INVERTED


@contextmanager
def _named(case: Case) -> Iterator[None]:
    """Says which case an error is of."""
    try:
        yield
    except FaceveilError as error:
        raise type(error)(f"{case.defence}, seed {case.seed}: {error}") from error


def _read(path: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return record
