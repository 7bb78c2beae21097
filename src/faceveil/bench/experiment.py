"""What every measurement of the bench is, whatever it measures."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from faceveil.core.config import Strict


@dataclass(frozen=True, kw_only=True)
class Experiment(Strict):
    """A frozen dataclass whose fields are its whole configuration.

    There are two kinds: a :class:`~faceveil.bench.protocol.Protocol` measures veils on photos, an
    :class:`~faceveil.bench.audit.protocol.Inversion` what recognisers give away.
    """

    name: ClassVar[str]
    """What it is called on the command line."""
    summary: ClassVar[str]
    """One line for the command line's help."""
