"""Keeps a list to one command; the operating system lifts the lock when its process ends, however it ends."""

import errno
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedWriter
from pathlib import Path

from operate.errors import Problem

_BUSY = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK, errno.ENOENT)


@contextmanager
def alone_with(path: Path) -> Iterator[None]:
    """Hold the lock of the list at ``path``: a file beside it, because the list itself is replaced while it is used.

    Raises:
        Problem: another command is using the list.
    """
    beside = path.with_name(f"{path.name}.lock")
    with beside.open("ab") as file:
        if not _is_ours(file, beside):
            raise Problem(f"Another command is using the list {path}. Let it end, or stop it.")
        try:
            yield
        finally:
            _remove(file, beside)


def _is_ours(file: BufferedWriter, beside: Path) -> bool:
    try:
        _lock(file, beside)
    except OSError as error:
        return error.errno not in _BUSY  # some network file systems have no locks: go on without
    return True


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BufferedWriter, _beside: Path) -> None:
        file.seek(0)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)

    def _remove(file: BufferedWriter, beside: Path) -> None:
        file.close()  # an open file cannot be removed
        with suppress(OSError):  # another command has it open
            beside.unlink()

else:
    import fcntl

    def _lock(file: BufferedWriter, beside: Path) -> None:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not os.path.samestat(os.fstat(file.fileno()), beside.stat()):
            raise BlockingIOError(errno.EWOULDBLOCK, "its last owner removed it, and another one made it anew")

    def _remove(_file: BufferedWriter, beside: Path) -> None:
        with suppress(OSError):
            beside.unlink()  # while it is locked, so that nobody gets the lock of a removed file
