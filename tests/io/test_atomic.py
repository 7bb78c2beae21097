"""A file is the old one or the new one, whatever happens in between."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from faceveil.core.errors import PhotoError
from faceveil.io import atomic

posix = pytest.mark.skipif(os.name == "nt", reason="asks for what only POSIX systems have")


def test_a_new_file_and_its_folders(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "photo.jpg"
    atomic.write(path, b"new", overwrite=False)
    assert path.read_bytes() == b"new"
    assert [each.name for each in path.parent.iterdir()] == ["photo.jpg"]


def test_an_existing_file_is_replaced_only_if_allowed(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"old")
    with pytest.raises(PhotoError, match="exists already: choose another name"):
        atomic.write(path, b"new", overwrite=False)
    assert path.read_bytes() == b"old"
    atomic.write(path, b"new", overwrite=True)
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    path = tmp_path / "photo.jpg"
    real_link = os.link

    def link_late(source: Path, target: Path) -> None:
        path.write_bytes(b"another program's")
        if not links:  # as FAT answers
            raise OSError(errno.EPERM, os.strerror(errno.EPERM))
        real_link(source, target)

    monkeypatch.setattr(os, "link", link_late)
    with pytest.raises(PhotoError, match="exists already"):
        atomic.write(path, b"new", overwrite=False)
    assert path.read_bytes() == b"another program's"
    assert list(tmp_path.iterdir()) == [path]


def test_a_drive_without_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def no_links(*_: object) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "link", no_links)
    atomic.write(tmp_path / "photo.jpg", b"new", overwrite=False)
    assert (tmp_path / "photo.jpg").read_bytes() == b"new"


@posix
def test_permissions_are_those_of_a_new_or_of_the_replaced_file(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    before = os.umask(0o027)
    try:
        atomic.write(path, b"new", overwrite=False)
        assert stat.S_IMODE(path.stat().st_mode) == 0o640
        path.chmod(0o604)
        atomic.write(path, b"newer", overwrite=True)
        assert stat.S_IMODE(path.stat().st_mode) == 0o604
    finally:
        os.umask(before)


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives away")
def test_the_owner_of_a_replaced_file_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"old")
    os.chown(path, 12345, 12346)
    atomic.write(path, b"new", overwrite=True)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)


@posix
@pytest.mark.parametrize("overwrite", [False, True])
@pytest.mark.parametrize("dangling", [False, True])
def test_a_link_is_never_replaced_nor_written_through(
    tmp_path: Path, overwrite: bool, dangling: bool
) -> None:
    target, link = tmp_path / "target.jpg", tmp_path / "link.jpg"
    if not dangling:
        target.write_bytes(b"old")
    link.symlink_to(target)
    with pytest.raises(PhotoError, match=r"is a link to .*target\.jpg"):
        atomic.write(link, b"new", overwrite=overwrite)
    assert link.is_symlink()
    assert target.exists() is not dangling
    assert dangling or target.read_bytes() == b"old"


@posix
def test_folders_and_devices_are_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe", Path("/dev/null"), Path("/")):
        with pytest.raises(PhotoError, match="folder or a device"):
            atomic.write(path, b"new", overwrite=True)
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (errno.ENOSPC, "the disk is full: make room"),
        (errno.EDQUOT, "the disk is full"),
        (errno.EROFS, "is read-only: choose another"),
        (errno.EIO, "was not written: "),
    ],
)
@pytest.mark.parametrize("overwrite", [False, True])
def test_a_disk_that_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int, says: str, overwrite: bool
) -> None:
    path = tmp_path / "photo.jpg"
    if overwrite:
        path.write_bytes(b"old")

    def fail(_: int) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(PhotoError, match=says):
        atomic.write(path, b"new", overwrite=overwrite)
    assert [each.read_bytes() for each in tmp_path.iterdir()] == ([b"old"] if overwrite else [])


def test_a_folder_that_may_not_be_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def deny(*_: object) -> int:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(os, "open", deny)  # permission bits would not stop root
    with pytest.raises(PhotoError, match=r"photo\.jpg was not written because .* is read-only"):
        atomic.write(tmp_path / "photo.jpg", b"new", overwrite=False)
    assert list(tmp_path.iterdir()) == []


@posix
@pytest.mark.skipif(hasattr(os, "geteuid") and os.geteuid() == 0, reason="root may write anywhere")
def test_a_read_only_folder(tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(PhotoError, match="is read-only"):
            atomic.write(tmp_path / "photo.jpg", b"new", overwrite=False)
    finally:
        tmp_path.chmod(0o700)


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(PhotoError, match="was not written"):
        atomic.write(tmp_path / "file" / "photo.jpg", b"new", overwrite=False)


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="name is too long"):
        atomic.write(tmp_path / ("a" * 300 + ".jpg"), b"new", overwrite=False)
    longest = tmp_path / ("a" * 251 + ".jpg")
    atomic.write(longest, b"new", overwrite=False)
    assert list(tmp_path.iterdir()) == [longest]


def test_ctrl_c_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_: int) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "fsync", interrupt)
    with pytest.raises(KeyboardInterrupt):
        atomic.write(tmp_path / "photo.jpg", b"new", overwrite=False)
    assert list(tmp_path.iterdir()) == []


WRITER_THAT_HANGS = """
import os, sys, time
from pathlib import Path
from faceveil.io import atomic

def hang(_):
    print("half way", flush=True)
    time.sleep(60)

os.fsync = hang
atomic.write(Path(sys.argv[1]), b"new" * 1000, overwrite=True)
"""


@posix
def test_kill_9_half_way(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(b"old")
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER_THAT_HANGS, str(path)], stdout=subprocess.PIPE
    )
    with writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == b"half way\n"
        assert len(list(tmp_path.iterdir())) == 2
        assert atomic.clean(tmp_path) == []  # its writer still runs
        writer.send_signal(signal.SIGKILL)
    assert path.read_bytes() == b"old"
    (leftover,) = (each for each in tmp_path.iterdir() if each != path)
    assert leftover.name.startswith(".faceveil-")
    assert atomic.clean(tmp_path) == [leftover]
    assert list(tmp_path.iterdir()) == [path]


def test_clean_touches_nothing_else(tmp_path: Path) -> None:
    names = [
        ".faceveil-00000000-999999999-0123456789abcdef.tmp",  # another machine's
        f".faceveil-{atomic._MACHINE}-{os.getpid()}-0123456789abcdef.tmp",  # ours, in use
        f".faceveil-{atomic._MACHINE}-mine.tmp",
        ".faceveil-settings",
        "photo.jpg",
    ]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    assert atomic.clean(tmp_path) == []
    assert sorted(each.name for each in tmp_path.iterdir()) == sorted(names)
    assert atomic.clean(tmp_path / "missing") == []
