"""The cache: what lies in it stays whole, and nobody else's file is touched."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from faceveil.bench.store import Store, key
from faceveil.core.errors import UsageError


def test_what_was_put_is_got_by_every_reader(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "down" / "cache.sqlite"
    one, other = Store(path), Store(path)
    assert one.get("a") is None
    one.put("a", b"\x00\xff")
    other.put("b", b"")
    assert other.get("a") == Store(path).get("a") == b"\x00\xff"
    assert one.get("b") == b""


def test_of_two_writers_the_first_stays(tmp_path: Path) -> None:
    store, other = Store(tmp_path / "cache"), Store(tmp_path / "cache")
    store.put("a", b"first")
    other.put("a", b"second")
    assert store.get("a") == b"first"


def test_a_store_is_closed_by_whichever_thread_collects_it(tmp_path: Path) -> None:
    left = [Store(tmp_path / "cache")]
    unraisable: list[sys.UnraisableHookArgs] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "unraisablehook", unraisable.append)
        collector = threading.Thread(target=left.clear)
        collector.start()
        collector.join()
    assert not unraisable


def test_an_entry_survives_the_death_of_its_writer(tmp_path: Path) -> None:
    code = (
        "import sys, time\nfrom pathlib import Path\nfrom faceveil.bench.store import Store\n"
        "store = Store(Path(sys.argv[1]))\n"
        "for i in range(10**9):\n"
        "    store.put(str(i), str(i).encode() * 999)\n"
        "    print(i, flush=True)\n"
    )
    path = tmp_path / "cache"
    writer = subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    said = b"".join(writer.stdout.readline() for _ in range(50))
    os.kill(writer.pid, signal.SIGKILL)
    last = int((said + writer.communicate(timeout=30)[0]).split()[-1])
    store = Store(path)
    assert all(store.get(str(i)) == str(i).encode() * 999 for i in range(last + 1))
    store.put("next", b"works")


def foreign_text(path: Path) -> None:
    path.write_text("Dear diary, " * 500)


def foreign_database(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE bookmarks (place TEXT)")
    connection.close()


def database_with_a_table_of_that_name(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE entries (diary TEXT)")
    connection.close()


@pytest.mark.parametrize(
    "make", [foreign_text, foreign_database, database_with_a_table_of_that_name]
)
def test_a_foreign_file_is_refused_and_left_as_it_is(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    path = tmp_path / "precious"
    make(path)
    before = path.read_bytes()
    with pytest.raises(UsageError, match=r"precious: cannot be used as a cache .* --cache"):
        Store(path)
    assert path.read_bytes() == before


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path, tmp_path / "file" / "cache"):
        with pytest.raises(UsageError, match=r"cannot be used as a cache .* --cache"):
            Store(path)


def test_a_file_that_breaks_in_use_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "cache"
    store = Store(path)
    store.put("a", b"x" * 100_000)
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE entries")
    connection.close()
    with pytest.raises(UsageError, match="cannot be used as a cache"):
        store.get("a")
    with pytest.raises(UsageError, match="cannot be used as a cache"):
        store.put("b", b"")


def test_many_processes_open_a_new_store_at_once(tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom faceveil.bench.store import Store\n"
        "Path(sys.argv[1], 'ready ' + sys.argv[2]).touch()\n"
        "while not Path(sys.argv[1], 'go').exists(): pass\n"
        "store = Store(Path(sys.argv[1], 'cache'))\n"
        "for i in range(50): store.put(f'{sys.argv[2]} {i}', b'x')\n"
    )
    writers = [
        subprocess.Popen([sys.executable, "-c", code, tmp_path, str(i)], stderr=subprocess.PIPE)
        for i in range(4)
    ]
    until = time.monotonic() + 60
    while len(list(tmp_path.glob("ready *"))) < 4 and time.monotonic() < until:
        time.sleep(0.01)
    (tmp_path / "go").touch()
    for writer in writers:
        assert writer.communicate(timeout=60)[1] == b""
    store = Store(tmp_path / "cache")
    assert all(store.get(f"{one} {i}") == b"x" for one in range(4) for i in range(50))


def test_a_key_depends_on_kind_and_parts_and_not_on_their_order() -> None:
    assert key("veil", {"a": 1, "b": [2.5, None]}) == key("veil", {"b": [2.5, None], "a": 1})
    others = [
        key("embed", {"a": 1, "b": [2.5, None]}),
        key("veil", {"a": 1, "b": [2.5]}),
        key("veil", {"a": "1", "b": [2.5, None]}),
        key("veil", {"a": 1, "c": [2.5, None]}),
    ]
    assert len({key("veil", {"a": 1, "b": [2.5, None]}), *others}) == 5
    assert key("veil", {}).startswith("veil-")
