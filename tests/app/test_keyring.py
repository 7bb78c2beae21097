from __future__ import annotations

import os
from pathlib import Path

import pytest
import torch

from faceveil.app import key as keys
from faceveil.app import keyring
from faceveil.app.key import About, Key
from faceveil.app.keyring import Keyring
from faceveil.core.budget import Budget
from faceveil.core.errors import PhotoError, SecretError, UsageError
from faceveil.io import sealed
from faceveil.masks.personal import PersonalMask

CHEAP = 10


def key(name: str = "anna", seed: int = 0) -> Key:
    draw = torch.Generator().manual_seed(seed)
    mask = PersonalMask(0.05 * torch.randn(3, 12, 12, generator=draw))
    rows = torch.nn.functional.normalize(torch.randn(2, 8, generator=draw), dim=1)
    about = About(name, "2026-01-02T03:04:05+00:00", 2, Budget(eps=16, ssim=0.94), {"tiny": "ab"})
    return Key(about, mask, {"tiny": rows})


@pytest.fixture
def ring(tmp_path: Path) -> Keyring:
    return Keyring(tmp_path / "keys", cost=CHEAP)


def test_a_key_comes_back_as_it_was() -> None:
    was = key("Zoë O'Hara")
    now = keys.from_bytes(keys.to_bytes(was), "zoe")
    assert now.about == was.about
    assert now.digest == was.digest
    torch.testing.assert_close(now.templates["tiny"], was.templates["tiny"])


def test_what_is_no_key_is_a_sentence() -> None:
    for data in (b"", b"no tensors", keys.to_bytes(key())[:-9]):
        with pytest.raises(SecretError, match=r"zoe: opens, but holds no key"):
            keys.from_bytes(data, "zoe")


@pytest.mark.parametrize("hide_name", [True, False])
def test_an_enrolled_person_is_found_by_name(ring: Keyring, hide_name: bool) -> None:
    entry = ring.add(key(), "correct horse", hide_name=hide_name)
    assert ring.entries() == [entry]
    assert entry.name == (None if hide_name else "anna")
    assert (b"anna" in entry.path.read_bytes()) is not hide_name
    assert ring.open("anna", "correct horse").digest == key().digest
    assert ring.open(entry.id, "correct horse").name == "anna"


def test_a_wrong_passphrase_is_told_and_a_hidden_name_stays_hidden(ring: Keyring) -> None:
    ring.add(key("anna"), "correct horse", hide_name=False)
    ring.add(key("bob", 1), "battery staple", hide_name=True)
    with pytest.raises(SecretError, match=r"anna .*: the passphrase is wrong"):
        ring.open("anna", "battery staple")
    with pytest.raises(SecretError, match=r"passphrase is wrong, or there is no key called bob:"):
        ring.open("bob", "correct horse")
    keyring.delete(ring.find("bob", "battery staple"))
    with pytest.raises(
        SecretError, match=r"no key called carl b: `faceveil enrol 'carl b' PHOTOS`"
    ):
        ring.open("carl b", "correct horse")


@pytest.mark.parametrize("hide_name", [True, False])
def test_a_name_is_enrolled_once(ring: Keyring, hide_name: bool) -> None:
    ring.add(key(), "correct horse", hide_name=hide_name)
    with pytest.raises(SecretError, match=r"anna is enrolled already"):
        ring.add(key(seed=1), "correct horse", hide_name=False)
    assert len(ring.entries()) == 1


@pytest.mark.parametrize("name", ["", "../evil", "a" * 70, " anna", "-o", "an\nna"])
def test_what_is_no_name_is_refused(ring: Keyring, name: str) -> None:
    with pytest.raises(UsageError, match="is no name"):
        ring.add(key(name), "correct horse", hide_name=False)


@pytest.mark.parametrize("passphrase", ["", "1234567"])
def test_a_passphrase_that_is_soon_guessed_is_refused(ring: Keyring, passphrase: str) -> None:
    with pytest.raises(UsageError, match="fewer than 8 characters"):
        ring.add(key(), passphrase, hide_name=False)
    assert ring.entries() == []


@pytest.mark.parametrize("hide_name", [True, False])
def test_a_passphrase_can_be_changed(ring: Keyring, hide_name: bool) -> None:
    entry = ring.add(key(), "correct horse", hide_name=hide_name)
    with pytest.raises(SecretError, match="passphrase is wrong"):
        keyring.reseal(entry, "battery staple", "correct horse", cost=CHEAP)
    with pytest.raises(UsageError, match="fewer than 8"):
        keyring.reseal(entry, "correct horse", "short", cost=CHEAP)
    keyring.reseal(entry, "correct horse", "battery staple", cost=CHEAP)
    assert ring.entries() == [entry]
    assert ring.open("anna", "battery staple").digest == key().digest
    with pytest.raises(SecretError):
        ring.open("anna", "correct horse")


def test_a_hidden_name_is_known_with_its_passphrase(ring: Keyring) -> None:
    entry = ring.add(key(), "correct horse", hide_name=True)
    assert ring.find("anna", "correct horse") == entry
    for passphrase in (None, "battery staple"):
        with pytest.raises(SecretError, match="no key called anna"):
            ring.find("anna", passphrase)


def test_a_damaged_key_is_listed_and_told(ring: Keyring) -> None:
    entry = ring.add(key(), "correct horse", hide_name=False)
    entry.path.write_bytes(entry.path.read_bytes()[:-7])
    (listed,) = ring.entries()
    assert (listed.id, listed.name) == (entry.id, None)
    with pytest.raises(SecretError, match=r"damaged"):
        ring.open(entry.id, "correct horse")


def test_a_key_moves_to_another_keyring(ring: Keyring, tmp_path: Path) -> None:
    entry = ring.add(key(), "correct horse", hide_name=True)
    copy = tmp_path / "backup.veilkey"
    copy.write_bytes(keyring.read(ring.find(entry.id).path))
    other = Keyring(tmp_path / "elsewhere", cost=CHEAP)
    other.take_in(copy)
    assert other.open("anna", "correct horse").digest == key().digest
    with pytest.raises(SecretError, match="on the keyring already"):
        other.take_in(copy)


def test_a_backup_from_before_another_passphrase_is_told(ring: Keyring, tmp_path: Path) -> None:
    entry = ring.add(key(), "correct horse", hide_name=True)
    copy = tmp_path / entry.path.name
    copy.write_bytes(keyring.read(entry.path))
    keyring.reseal(entry, "correct horse", "battery staple", cost=CHEAP)
    with pytest.raises(SecretError, match=f"faceveil keys delete {entry.id}"):
        ring.take_in(copy)


@pytest.mark.skipif(os.name == "nt", reason="Windows has other permissions")
def test_nobody_else_may_read_a_key(ring: Keyring) -> None:
    before = os.umask(0o022)
    try:
        entry = ring.add(key(), "correct horse", hide_name=True)
        keyring.reseal(entry, "correct horse", "battery staple", cost=CHEAP)
    finally:
        os.umask(before)
    assert entry.path.stat().st_mode & 0o777 == 0o600


def test_importing_refuses_a_taken_name_and_what_is_no_key(ring: Keyring, tmp_path: Path) -> None:
    ring.add(key(), "correct horse", hide_name=False)
    rival = tmp_path / "rival.veilkey"
    rival.write_bytes(sealed.seal(keys.to_bytes(key()), "x", {"name": "anna"}, cost=CHEAP))
    with pytest.raises(SecretError, match="anna is enrolled already, with another key"):
        ring.take_in(rival)
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8 no key")
    with pytest.raises(SecretError, match="is no key file"):
        ring.take_in(tmp_path / "photo.jpg")
    with pytest.raises(SecretError, match="cannot be read"):
        ring.take_in(tmp_path / "none.veilkey")


def test_a_deleted_key_is_gone(ring: Keyring) -> None:
    entry = ring.add(key(), "correct horse", hide_name=False)
    keyring.delete(ring.find("anna"))
    assert ring.entries() == []
    with pytest.raises(SecretError, match="no key called anna"):
        ring.find("anna")
    with pytest.raises(SecretError, match="cannot be removed"):
        keyring.delete(entry)


def test_a_keyring_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    (tmp_path / "keys").write_text("a file where the folder should be")
    with pytest.raises(PhotoError):
        Keyring(tmp_path / "keys", cost=CHEAP).add(key(), "correct horse", hide_name=True)
