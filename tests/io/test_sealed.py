from __future__ import annotations

import pytest

from faceveil.core.errors import SecretError, UsageError
from faceveil.io import sealed

PAYLOAD = bytes(range(256)) * 3
CHEAP = 10


@pytest.fixture(scope="module")
def data() -> bytes:
    return sealed.seal(PAYLOAD, "correct horse", {"name": "Zoë"}, cost=CHEAP)


def test_the_passphrase_opens_and_the_label_can_be_read_without(data: bytes) -> None:
    assert sealed.unseal(data, "correct horse", "key") == PAYLOAD
    assert sealed.label(data, "key") == {"name": "Zoë"}
    assert PAYLOAD[:40] not in data


def test_the_same_secret_is_never_sealed_alike(data: bytes) -> None:
    again = sealed.seal(PAYLOAD, "correct horse", {"name": "Zoë"}, cost=CHEAP)
    assert again[-100:] != data[-100:]


@pytest.mark.parametrize("passphrase", ["", "Correct horse", "correct horse "])
def test_another_passphrase_does_not_open(data: bytes, passphrase: str) -> None:
    with pytest.raises(SecretError, match=r"anna\.key: the passphrase is wrong"):
        sealed.unseal(data, passphrase, "anna.key")


def test_no_passphrase_is_refused() -> None:
    with pytest.raises(UsageError, match="empty passphrase protects nothing"):
        sealed.seal(PAYLOAD, "", {}, cost=CHEAP)


def test_a_label_changed_by_somebody_else_does_not_open(data: bytes) -> None:
    changed = data.replace("Zoë".encode(), b"Zoe!")
    with pytest.raises(SecretError, match="passphrase is wrong"):
        sealed.unseal(changed, "correct horse", "key")


def test_damage_is_told_from_a_wrong_passphrase(data: bytes) -> None:
    damaged = [
        data[:10],
        data[:30],
        data[:-1],
        data[:-5] + b"x" + data[-4:],
        data.replace(b'"cost":10', b'"cost":31'),
        data.replace(b'"nonce"', b'"n0nce"'),
        sealed.MAGIC + b"\xff" * 40,
        b"",
    ]
    for broken in damaged:
        with pytest.raises(SecretError, match=r"key: is (damaged|no key file)"):
            sealed.unseal(broken, "correct horse", "key")
