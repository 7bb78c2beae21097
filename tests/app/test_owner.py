from __future__ import annotations

from pathlib import Path

import pytest

from faceveil.app import owner as owners
from faceveil.app.keyring import Keyring
from faceveil.app.owner import Owner
from faceveil.core.errors import SecretError, UsageError
from faceveil.marks.reader import payload_of, signs_of


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path / "keys", cost=10)


def test_an_owner_comes_back_as_they_were() -> None:
    owner = Owner.new("Zoë's school")
    assert owners.from_bytes(owners.to_bytes(owner), "zoe") == owner
    assert owner.secret not in owner.id
    assert len(signs_of(owner.id)) == 152
    assert 0 <= payload_of(owner.id) < 2**50


def test_two_owners_of_one_name_have_marks_of_their_own() -> None:
    assert Owner.new("anna").id != Owner.new("anna").id


def test_the_id_follows_from_the_secret() -> None:
    one = Owner("anna", "2026-01-02T03:04:05+00:00", "00" * 32)
    assert one.id == Owner("bob", "later", "00" * 32).id


@pytest.mark.parametrize("secret", ["", "00" * 31, "zz" * 32])
def test_what_is_no_secret_is_refused(secret: str) -> None:
    with pytest.raises(UsageError, match="32 bytes"):
        Owner("anna", "now", secret)


@pytest.mark.parametrize("data", [b"{}", b"{", b'{"name": 1}', b"[]"])
def test_what_is_no_key_is_a_sentence(data: bytes) -> None:
    with pytest.raises(SecretError, match="zoe: opens, but holds no owner's key"):
        owners.from_bytes(data, "zoe")


@pytest.mark.parametrize("name", ["", "0", "g000000000000", "4000000000000", "00000000000000"])
def test_what_is_no_id_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="13 hexadecimal digits"):
        payload_of(name)


@pytest.mark.parametrize("hide_name", [True, False])
def test_the_keyring_keeps_owners(ring: Keyring, hide_name: bool) -> None:
    owner = Owner.new("school")
    entry = ring.add(owner, "correct horse", hide_name=hide_name)
    assert ring.open_owner("school", "correct horse") == owner
    assert ring.open_owner(entry.id, "correct horse") == owner
    assert owner.secret.encode() not in entry.path.read_bytes()
    with pytest.raises(SecretError, match="school is enrolled already"):
        ring.check_free("school", "correct horse")


def test_an_owner_is_no_person(ring: Keyring) -> None:
    ring.add(Owner.new("school"), "correct horse", hide_name=False)
    with pytest.raises(SecretError, match=r"school owns marks and is not enrolled.*--owner"):
        ring.open("school", "correct horse")
    with pytest.raises(SecretError, match="no key called nobody: `faceveil keys new nobody`"):
        ring.open_owner("nobody", "correct horse")
    with pytest.raises(SecretError, match="passphrase is wrong"):
        ring.open_owner("school", "guess")
