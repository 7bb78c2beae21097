"""What was worked out once is not worked out again: results by the content they came from."""

from __future__ import annotations

import hashlib
import json
import sqlite3
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from faceveil.core.errors import UsageError

_TABLE = "CREATE TABLE entries (key TEXT PRIMARY KEY, value BLOB NOT NULL)"


class Store:
    """Byte strings by key in one file, which many processes may read and write at once.

    An entry is there whole or not at all, also after a process was killed.

    Raises:
        UsageError: of every method: the file cannot be used, or is not one of these.
    """

    def __init__(self, path: Path):
        """Opens the store at ``path``, or makes it."""
        self._path = path
        with self._usable():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._entries = sqlite3.connect(
                path,
                timeout=120,
                isolation_level=None,
                check_same_thread=False,  # whichever thread collects the store closes it
            )
            weakref.finalize(self, self._entries.close)
            self._prepare()

    def get(self, key: str) -> bytes | None:
        """What lies at ``key``."""
        with self._usable():
            query = self._entries.execute("SELECT value FROM entries WHERE key = ?", (key,))
            found = query.fetchone()
        return None if found is None else bytes(found[0])

    def put(self, key: str, value: bytes) -> None:
        """Lays ``value`` at ``key``; of two writers the first stays."""
        with self._usable():
            self._entries.execute("INSERT OR IGNORE INTO entries VALUES (?, ?)", (key, value))

    def _prepare(self) -> None:
        """Makes an empty file a store; another program's database is left as it is."""
        self._entries.execute("BEGIN IMMEDIATE")
        found = self._entries.execute("SELECT sql FROM sqlite_master WHERE type = 'table'")
        match found.fetchall():
            case []:
                self._entries.execute(_TABLE)
            case [(sql,)] if sql == _TABLE:
                pass
            case _:
                raise sqlite3.DatabaseError("it is another program's database")
        self._entries.execute("COMMIT")
        self._entries.execute("PRAGMA journal_mode = WAL")
        self._entries.execute("PRAGMA synchronous = NORMAL")

    @contextmanager
    def _usable(self) -> Iterator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            raise UsageError(
                f"{self._path}: cannot be used as a cache ({error}); name another with --cache."
            ) from None


def key(kind: str, parts: dict[str, Any]) -> str:
    """The key of a result: a digest of everything it depends on, whatever the order of names."""
    text = json.dumps([kind, parts], sort_keys=True, separators=(",", ":"))
    return f"{kind}-{hashlib.sha256(text.encode()).hexdigest()}"
