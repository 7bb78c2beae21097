"""An owner's key: a secret, and the id that photos are marked with."""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache

from faceveil.core import config
from faceveil.core.config import Strict
from faceveil.core.errors import SecretError, UsageError
from faceveil.marks.code import N_PAYLOAD
from faceveil.marks.reader import owner_id

_N_SECRET = 32


@dataclass(frozen=True)
class Owner(Strict):
    """Whoever marks photos; ``secret`` is 32 random bytes in hexadecimal, ``made`` ISO 8601.

    Raises:
        UsageError: the secret is none.
    """

    name: str
    made: str
    secret: str

    def __post_init__(self) -> None:
        try:
            length = len(bytes.fromhex(self.secret))
        except ValueError:
            length = 0
        if length != _N_SECRET:
            raise UsageError(f"an owner's secret has {_N_SECRET} bytes in hexadecimal")

    @classmethod
    def new(cls, name: str) -> Owner:
        """An owner nobody was before."""
        made = datetime.now(UTC).isoformat(timespec="seconds")
        return cls(name, made, secrets.token_hex(_N_SECRET))

    @property
    def id(self) -> str:
        """What the marks say: the first 50 bits of a slow hash (scrypt) of the secret.

        Whoever reads it cannot tell the secret, nor make another that has the same id in fewer than
        2^50 trials; so who shows the secret shows that the mark is theirs. Trials of SHA-256 would
        take a graphics card a day; of this one, some 20 ms and 16 MB each, a core 700,000 years.
        """
        return _id(self.secret)


@cache
def _id(secret: str) -> str:
    digest = hashlib.scrypt(bytes.fromhex(secret), salt=b"faceveil owner", n=2**14, r=8, p=1)
    return owner_id(int.from_bytes(digest, "big") >> (8 * len(digest) - N_PAYLOAD))


def to_bytes(owner: Owner) -> bytes:
    """The key as JSON, not yet sealed."""
    return json.dumps(config.plain(owner)).encode()


def from_bytes(data: bytes, name: str) -> Owner:
    """The key that :func:`to_bytes` wrote, from a file called ``name``.

    Raises:
        SecretError: it is none.
    """
    try:
        return config.build(Owner, json.loads(data), where="key")
    except (ValueError, TypeError, UsageError) as error:
        raise SecretError(f"{name}: opens, but holds no owner's key ({error}).") from None
