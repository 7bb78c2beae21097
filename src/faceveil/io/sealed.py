"""Secrets at rest: bytes that only a passphrase opens, and a label that anyone can read.

A sealed file is :data:`MAGIC`, the length of a JSON header in four bytes (little endian), the
header, and the payload under AES-256-GCM. The key comes from the passphrase by scrypt (RFC 7914).
The header is authenticated with the payload: a label changed by somebody else does not open.
"""

from __future__ import annotations

import json
import os
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from faceveil.core import config
from faceveil.core.config import Strict
from faceveil.core.errors import SecretError, UsageError
from faceveil.core.seeds import content_hash

MAGIC = b"faceveil sealed 1\n"
COST = 17
"""log2 of scrypt's N: 128 MB of memory and some tenths of a second for every guess."""
_COSTS = range(10, 21)
"""What is read: a stranger's file must not ask for all the memory there is."""
_LARGEST_HEADER = 1 << 16


@dataclass(frozen=True)
class _Header(Strict):
    """All but the payload; ``sha256`` is that of the encrypted payload."""

    cost: int
    salt: str
    nonce: str
    sha256: str
    label: dict[str, Any]


def seal(payload: bytes, passphrase: str, label: Mapping[str, Any], *, cost: int = COST) -> bytes:
    """``payload`` as a file's bytes that ``passphrase`` opens.

    Args:
        payload: what nobody else may read.
        passphrase: any text but none.
        label: what anybody may read, as JSON holds it.
        cost: log2 of scrypt's N, 10 to 20.

    Raises:
        UsageError: the passphrase is empty.
    """
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if not passphrase:
        raise UsageError("An empty passphrase protects nothing: choose one with a few words in it.")
    salt, nonce = os.urandom(16), os.urandom(12)
    opening = {"cost": cost, "salt": salt.hex(), "nonce": nonce.hex(), "label": dict(label)}
    encrypted = AESGCM(_key(passphrase, salt, cost)).encrypt(nonce, payload, _canonical(opening))
    header = _canonical({**opening, "sha256": content_hash(encrypted)})
    return MAGIC + struct.pack("<I", len(header)) + header + encrypted


def label(data: bytes, name: str) -> dict[str, Any]:
    """What anybody can read of a sealed file called ``name``.

    Raises:
        SecretError: it is none, or damaged.
    """
    header, _ = _parts(data, name)
    return header.label


def unseal(data: bytes, passphrase: str, name: str) -> bytes:
    """The payload of a sealed file called ``name``.

    Raises:
        SecretError: it is none, or damaged, or the passphrase is not its own.
    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    header, encrypted = _parts(data, name)
    opening = config.plain(header)
    del opening["sha256"]
    key = _key(passphrase, bytes.fromhex(header.salt), header.cost)
    try:
        return AESGCM(key).decrypt(bytes.fromhex(header.nonce), encrypted, _canonical(opening))
    except InvalidTag:
        raise SecretError(f"{name}: the passphrase is wrong.") from None


def _parts(data: bytes, name: str) -> tuple[_Header, bytes]:
    if not data.startswith(MAGIC):
        raise SecretError(f"{name}: is no key file of faceveil.")
    try:
        (length,) = struct.unpack_from("<I", data, len(MAGIC))
        start = len(MAGIC) + 4
        if length > _LARGEST_HEADER:
            raise ValueError("a header of that length")
        values = json.loads(data[start : start + length])
        header = config.build(_Header, values, where="header")
        salt, nonce = bytes.fromhex(header.salt), bytes.fromhex(header.nonce)
    except (struct.error, ValueError, TypeError, RecursionError, UsageError):
        raise _damaged(name) from None
    encrypted = data[start + length :]
    whole = (len(salt), len(nonce)) == (16, 12) and header.cost in _COSTS
    if not whole or content_hash(encrypted) != header.sha256:
        raise _damaged(name)
    return header, encrypted


def _damaged(name: str) -> SecretError:
    return SecretError(f"{name}: is damaged or cut short; copy it again from a backup.")


def _key(passphrase: str, salt: bytes, cost: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=32, n=2**cost, r=8, p=1).derive(passphrase.encode())


def _canonical(values: Mapping[str, Any]) -> bytes:
    return json.dumps(values, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()
