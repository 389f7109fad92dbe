"""Locks files between processes; the operating system releases a lock when its process ends, however it ends."""

# Standard library only: dev.py uses this before the environment exists.

import errno
import os
import sys
from io import BufferedRandom
from pathlib import Path

_BUSY = (errno.EWOULDBLOCK, errno.EACCES, errno.EDEADLK)
_PLACES = 1 << 20  # Windows locks bytes: one for each process that shares, all of them for one that does not


def hold(path: Path, *, alone: bool) -> BufferedRandom | None:
    """Return the open file as long as whose lock holds, or None if another process's lock excludes this one.

    ``alone`` excludes every other lock; without it, only those that are alone. Programs started later do not get it.

    Raises:
        OSError: The file cannot be created.
    """
    path.parent.mkdir(exist_ok=True)
    path.touch()
    file = path.open("r+b")
    try:
        _lock(file, alone=alone)
    except OSError as error:
        if error.errno in _BUSY:
            file.close()
            return None
        # Some network file systems have no locks: go on without.
    return file


if sys.platform == "win32":
    import msvcrt

    def _lock(file: BufferedRandom, *, alone: bool) -> None:
        file.seek(0 if alone else os.getpid() % _PLACES)
        msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, _PLACES if alone else 1)

else:
    import fcntl

    def _lock(file: BufferedRandom, *, alone: bool) -> None:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
