"""Which recognisers a veiled file was made against, as the receipt beside it says."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import dataclass
from pathlib import Path

from faceveil.app import receipt
from faceveil.app.verdict import Role
from faceveil.core.errors import UsageError
from faceveil.io.photo import Photo
from faceveil.recognisers.card import Card


@dataclass(frozen=True)
class Provenance:
    """What is known of how a file was made.

    ``surrogates`` holds the names of the recognisers it was made against and the SHA-256 of their
    weights, None if nothing is known; ``notes`` are sentences for whoever reads the verdict.
    """

    surrogates: Set[str] | None
    notes: tuple[str, ...] = ()

    def role(self, card: Card) -> Role:
        """The part that the recogniser of ``card`` took in making the file."""
        if self.surrogates is None:
            return "unknown"
        return "surrogate" if {card.name, card.sha256} & self.surrogates else "held out"


def trace(path: Path, before: Photo, after: Photo) -> Provenance:
    """What the receipt beside the file ``path``, decoded as ``after``, says of its making."""
    beside = receipt.path_of(path)
    try:
        if not beside.is_file():
            return _nothing(after, "no receipt lies beside it")
        paper = receipt.read(beside)
    except (OSError, UsageError) as error:
        return _nothing(after, f"its receipt cannot be used ({error})")
    if paper.output.sha256 != after.sha256:
        return _nothing(after, f"it has changed since {beside.name} was written")
    notes: tuple[str, ...] = ()
    if paper.input.sha256 != before.sha256:
        notes = (f"{beside.name} says that {after.name} was made from another file.",)
    weights = {paper.models[name] for name in paper.surrogates if name in paper.models}
    return Provenance({*paper.surrogates, *weights}, notes)


def _nothing(after: Photo, why: str) -> Provenance:
    return Provenance(
        None,
        (
            f"Nothing is known of how {after.name} was made, because {why}; "
            "any of these recognisers may have taken part in it.",
        ),
    )
