"""The keyring: a folder with one sealed file for each enrolled person, and each owner of marks."""

from __future__ import annotations

import re
import secrets
import shlex
from dataclasses import dataclass
from pathlib import Path

from faceveil.app import key as keys
from faceveil.app import owner as owners
from faceveil.app.key import Key
from faceveil.app.owner import Owner
from faceveil.core.errors import SecretError, UsageError
from faceveil.io import atomic, sealed
from faceveil.recognisers import zoo

SUFFIX = ".veilkey"
SHORTEST = 8
"""The fewest characters of a passphrase."""
_NAME = re.compile(r"[^\W_][\w .'-]{0,63}")


@dataclass(frozen=True)
class Entry:
    """A key as anybody sees it: its file, and its name if that was not to be hidden."""

    path: Path
    name: str | None

    @property
    def id(self) -> str:
        """What the key is called where its name is hidden."""
        return self.path.stem

    def __str__(self) -> str:
        return self.id if self.name is None else f"{self.name} ({self.id})"


@dataclass(frozen=True)
class Keyring:
    """The keys in ``folder``; ``cost`` is what new ones are sealed with, see :mod:`sealed`."""

    folder: Path
    cost: int = sealed.COST

    @classmethod
    def of_user(cls) -> Keyring:
        """$FACEVEIL_HOME/keys, else the platform's data folder."""
        return cls(zoo.home().with_name("keys"))

    def entries(self) -> list[Entry]:
        """Every key, damaged ones too, in the order of their files' names."""
        return [Entry(path, _name(path)) for path in sorted(self.folder.glob(f"*{SUFFIX}"))]

    def add(self, key: Key | Owner, passphrase: str, *, hide_name: bool) -> Entry:
        """Seal ``key`` and keep it.

        Raises:
            UsageError: the passphrase is too short.
            SecretError: somebody of that name is enrolled.
            PhotoError: the file cannot be written.
        """
        self.check_free(key.name, passphrase)
        label = {"name": None if hide_name else key.name}
        payload = owners.to_bytes(key) if isinstance(key, Owner) else keys.to_bytes(key)
        data = sealed.seal(payload, passphrase, label, cost=self.cost)
        path = self.folder / f"{secrets.token_hex(4)}{SUFFIX}"
        atomic.write(path, data, overwrite=False, private=True)
        return Entry(path, None if hide_name else key.name)

    def check_free(self, name: str, passphrase: str) -> None:
        """Refuses a name that is taken, as far as ``passphrase`` lets one see, or that is none.

        Raises:
            UsageError: it is no name, or the passphrase is too short.
            SecretError: it is taken.
        """
        if not _NAME.fullmatch(name):
            raise UsageError(
                f"{name!r} is no name: begin with a letter or digit, and use letters, digits, "
                "spaces and . ' - _ (64 at most)."
            )
        check_passphrase(passphrase)
        if any(name == known_name(entry, passphrase) for entry in self.entries()):
            raise SecretError(
                f"{name} is enrolled already: choose another name, or delete the old key with "
                f"`faceveil keys delete {shlex.quote(name)}`. What was veiled with it then stays "
                "veiled."
            )

    def open(self, name: str, passphrase: str) -> Key:
        """The key of the person ``name``, or of the file of that id.

        Raises:
            SecretError: nobody of that name is enrolled, the passphrase is wrong, or the file is
                damaged.
        """
        key = self._opened(name, passphrase, f"faceveil enrol {shlex.quote(name)} PHOTOS")
        if isinstance(key, Owner):
            raise SecretError(f"{name} owns marks and is not enrolled: name them with --owner.")
        return key

    def open_owner(self, name: str, passphrase: str) -> Owner:
        """The key of the owner ``name``, or of the file of that id.

        Raises:
            SecretError: as :meth:`open`.
        """
        key = self._opened(name, passphrase, f"faceveil keys new {shlex.quote(name)}")
        if isinstance(key, Key):
            raise SecretError(f"{name} is enrolled and owns no marks: name them with --person.")
        return key

    def _opened(self, name: str, passphrase: str, made_by: str) -> Key | Owner:
        entry = self._named(name, passphrase)
        if entry is not None:
            return _open(entry, passphrase)
        if any(entry.name is None for entry in self.entries()):
            raise SecretError(
                f"The passphrase is wrong, or there is no key called {name}: keys that hide their "
                f"names tell them to their passphrase alone. `{made_by}` makes one."
            )
        raise SecretError(f"There is no key called {name}: `{made_by}` makes one.")

    def _named(self, name: str, passphrase: str | None) -> Entry | None:
        entries = self.entries()
        for entry in entries:
            if name in (entry.name, entry.id):
                return entry
        if passphrase is not None:
            for entry in entries:
                if entry.name is None and known_name(entry, passphrase) == name:
                    return entry
        return None

    def find(self, name: str, passphrase: str | None = None) -> Entry:
        """The entry whose name or id is ``name``; a hidden name is known with its passphrase.

        Raises:
            SecretError: there is none.
        """
        if (entry := self._named(name, passphrase)) is not None:
            return entry
        raise SecretError(
            f"There is no key called {name}; `faceveil keys list` shows the names and ids there "
            "are, and a key that hides its name is named by its id, or needs its passphrase."
        )

    def take_in(self, path: Path) -> Entry:
        """Keep a copy of an exported key.

        Raises:
            SecretError: the file is no key or is damaged, or its name or id is taken.
            PhotoError: it cannot be read or written.
        """
        data = read(path)
        name = sealed.label(data, str(path)).get("name")
        for entry in self.entries():
            if entry.path.read_bytes() == data:
                raise SecretError(f"{path}: this key is on the keyring already, as {entry}.")
            if name is not None and entry.name == name:
                raise SecretError(f"{path}: {name} is enrolled already, with another key.")
        own = path.stem if re.fullmatch(r"[0-9a-f]{8}", path.stem) else secrets.token_hex(4)
        kept = self.folder / f"{own}{SUFFIX}"
        if kept.exists():
            raise SecretError(
                f"{path}: there is another key of the id {own}, perhaps this one under another "
                f"passphrase: `faceveil keys delete {own}` makes room, or give the file another "
                "name."
            )
        atomic.write(kept, data, overwrite=False, private=True)
        return Entry(kept, name if isinstance(name, str) else None)


def reseal(entry: Entry, passphrase: str, new: str, *, cost: int = sealed.COST) -> None:
    """Seal a key under another passphrase; copies made before keep the old one.

    Raises:
        SecretError: the passphrase is wrong, or the file is damaged.
        UsageError: the new one is too short.
        PhotoError: the file cannot be written.
    """
    check_passphrase(new)
    payload = sealed.unseal(read(entry.path), passphrase, str(entry))
    data = sealed.seal(payload, new, {"name": entry.name}, cost=cost)
    atomic.write(entry.path, data, overwrite=True, private=True)


def check_passphrase(passphrase: str) -> None:
    """Refuses what is guessed in no time.

    Raises:
        UsageError: it is too short.
    """
    if len(passphrase) < SHORTEST:
        raise UsageError(
            f"A passphrase of fewer than {SHORTEST} characters is soon guessed: choose a few words."
        )


def delete(entry: Entry) -> None:
    """Remove a key; nothing brings it back.

    Raises:
        SecretError: the file cannot be removed.
    """
    try:
        entry.path.unlink()
    except OSError as error:
        raise SecretError(f"{entry.path}: cannot be removed ({error.strerror}).") from None


def read(path: Path) -> bytes:
    """The bytes of a key file.

    Raises:
        SecretError: it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise SecretError(f"{path}: the key cannot be read ({error.strerror}).") from None


def _open(entry: Entry, passphrase: str) -> Key | Owner:
    name = str(entry) if entry.name else str(entry.path)
    payload = sealed.unseal(read(entry.path), passphrase, name)
    is_owner = payload.startswith(b"{")  # a person's begins with a length that 8 divides
    return owners.from_bytes(payload, name) if is_owner else keys.from_bytes(payload, name)


def _name(path: Path) -> str | None:
    try:
        name = sealed.label(read(path), str(path)).get("name")
    except SecretError:
        return None
    return name if isinstance(name, str) else None


def known_name(entry: Entry, passphrase: str) -> str | None:
    """The entry's name, None where neither its label nor ``passphrase`` tells it."""
    if entry.name is not None:
        return entry.name
    try:
        return _open(entry, passphrase).name
    except SecretError:
        return None
