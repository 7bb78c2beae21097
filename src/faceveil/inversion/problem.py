"""What an attack is given: the victim, whom to recover, other people's faces, and what leaked."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

import torch
from jaxtyping import Float
from torch import Tensor

from faceveil.core.seeds import content_hash
from faceveil.inversion.kept import Kept
from faceveil.inversion.victim import Victim
from faceveil.training.defence import Masked


@dataclass(frozen=True, eq=False)
class Problem:
    """One person to be recovered. No photo of anybody the victim knows is in it.

    One person at a time, so that neither the order of people nor who else is attacked changes a
    reconstruction. What is the same for all of them is in ``kept``.

    Attributes:
        victim: answering what the attack's threat allows.
        person: the label.
        public: crops of people the victim does not know, RGB in [0, 1]: the attacker's own data.
        seed: of draws for this person.
        kept: networks trained once for many people, and maybe for many attacks.
        template: the stolen embedding of one of the person's photos, if that is the threat.
        leaked: masked faces of everybody the recogniser was shown, and their labels, if that is.
    """

    victim: Victim
    person: int
    public: Float[Tensor, "m 3 s s"]
    seed: int
    kept: Kept = field(default_factory=Kept)
    template: Float[Tensor, " d"] | None = None
    leaked: Masked | None = None

    @property
    def n_colours(self) -> int:
        """Channels worth searching in: one where all public faces are grey, as the set is then."""
        grey = torch.equal(self.public[:, :1].expand_as(self.public), self.public)
        return 1 if grey else 3

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the public faces, for what is trained on them."""
        return fingerprint(self.public)


def fingerprint(faces: Float[Tensor, "m 3 s s"]) -> str:
    """A hash of some faces."""
    return content_hash(faces.cpu().contiguous().numpy().tobytes())
