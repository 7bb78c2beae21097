"""Files are written whole or not at all, whatever happens in between."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import platform
import re
import secrets
import stat
from pathlib import Path

from faceveil.core.errors import PhotoError

_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_MACHINE = hashlib.blake2b(platform.node().encode(), digest_size=4).hexdigest()
_TEMP_NAME = re.compile(r"\.faceveil-(?P<machine>[0-9a-f]{8})-(?P<pid>\d+)-[0-9a-f]{16}\.tmp")


def check(path: Path, *, overwrite: bool) -> None:
    """Refuses what :func:`write` would, as far as that can be told before the work is done.

    Raises:
        PhotoError: the place is taken, is not a plain file, has a name that is too long, or lies
            in a folder that is read-only.
    """
    try:
        _existing(path, overwrite)
        folder = next(folder for folder in path.absolute().parents if folder.exists())
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except OSError as error:
        raise PhotoError(_sentence(path, error)) from error


def write(
    path: Path, data: bytes, *, overwrite: bool, like: Path | None = None, private: bool = False
) -> None:
    """Puts ``data`` at ``path`` at once: a reader sees the old file or the new one, never a part.

    Missing folders on the way are made. A replaced file hands on its permissions and, where that
    is allowed, its owner; a new file gets the ones the user's umask gives.

    Args:
        path: a new name, or a plain file if ``overwrite``; never a link, so that nothing outside
            the folder is changed.
        data: everything the file will hold.
        overwrite: an existing file may be replaced.
        like: the file whose permissions and owner a new one gets.
        private: nobody but its owner may read a new file, or write it.

    Raises:
        PhotoError: the place is taken, is not a plain file, is read-only or is full. What was
            there before is unchanged and nothing is left behind.
    """
    temp = path.parent / f".faceveil-{_MACHINE}-{os.getpid()}-{secrets.token_hex(8)}.tmp"
    try:
        replaced = _existing(path, overwrite)
        if replaced is None and like is not None:
            replaced = like.stat()
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # Less the umask; private until it is known.
            mode = 0o600 if private or replaced is not None else 0o666
            with os.fdopen(os.open(temp, _NEW, mode), "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            if replaced is not None:
                _hand_on(temp, replaced)
            _put_in_place(temp, path, overwrite)
        finally:
            temp.unlink(missing_ok=True)
    except OSError as error:
        raise PhotoError(_sentence(path, error)) from error
    _sync_folder(path.parent)


def clean(folder: Path) -> list[Path]:
    """Removes what writers on this machine left in ``folder`` when they were killed.

    Files of processes that still run, and of other machines on a shared drive, stay. So do all on
    Windows, which cannot be asked about a process without disturbing it.

    Returns:
        The removed files, sorted.
    """
    removed = []
    for path in sorted(folder.glob(".faceveil-*.tmp")):
        name = _TEMP_NAME.fullmatch(path.name)
        if name and name["machine"] == _MACHINE and not _is_running(int(name["pid"])):
            with contextlib.suppress(OSError):  # another run may be cleaning too
                path.unlink()
                removed.append(path)
    return removed


def _existing(path: Path, overwrite: bool) -> os.stat_result | None:
    """The plain file that will be replaced, if there is one."""
    try:
        status = path.lstat()
    except FileNotFoundError:
        return None
    if stat.S_ISLNK(status.st_mode):
        raise PhotoError(
            f"{path} is a link to {path.readlink()}, which is not replaced: name the file itself."
        )
    if not stat.S_ISREG(status.st_mode):
        raise PhotoError(f"{path} is a folder or a device: choose the name of a file.")
    if not overwrite:
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
    return status


def _hand_on(temp: Path, replaced: os.stat_result) -> None:
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):  # only root may give files away
            os.chown(temp, replaced.st_uid, replaced.st_gid)
    temp.chmod(replaced.st_mode & 0o777)


def _put_in_place(temp: Path, path: Path, overwrite: bool) -> None:
    if not overwrite:
        try:
            os.link(temp, path)  # unlike a rename, fails if the name was taken meanwhile
            return
        except FileExistsError:
            raise
        except OSError:  # FAT and some network drives know no second names
            _existing(path, overwrite)
    temp.replace(path)


def _sync_folder(folder: Path) -> None:
    """Makes the new name survive a power cut, where the system can do that for a folder."""
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _is_running(pid: int) -> bool:
    if os.name == "nt":
        return True  # there, signal 0 is Ctrl-C
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True


def _sentence(path: Path, error: OSError) -> str:
    match error.errno:
        case errno.EEXIST:
            return f"{path} exists already: choose another name, or allow it to be overwritten."
        case errno.ENOSPC | errno.EDQUOT:
            return f"{path} was not written because the disk is full: make room and try again."
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return f"{path} was not written because {path.parent} is read-only: choose another."
        case errno.ENAMETOOLONG:
            return f"{path} was not written because its name is too long: choose a shorter one."
        case errno.ENOTDIR:
            return f"{path} was not written because {path.parent} is not a folder: choose another."
    return f"{path} was not written: {error.strerror or error}."
