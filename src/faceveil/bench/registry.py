"""Every experiment by name."""

from __future__ import annotations

from faceveil.bench.audit.protocol import Inversion
from faceveil.bench.experiment import Experiment
from faceveil.bench.protocol import Protocol
from faceveil.bench.protocols.adapted import Adapted
from faceveil.bench.protocols.clean import Clean, Verification
from faceveil.bench.protocols.psr import Psr
from faceveil.bench.protocols.robustness import Robustness
from faceveil.bench.protocols.tip_im import TipIm

PROTOCOLS: dict[str, type[Protocol]] = {
    kind.name: kind for kind in (TipIm, Psr, Robustness, Adapted, Clean, Verification)
}
"""Those that measure veils, or photos as they are."""

EXPERIMENTS: dict[str, type[Experiment]] = {**PROTOCOLS, Inversion.name: Inversion}
"""All there are."""
