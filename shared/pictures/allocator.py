"""Lets the C library reuse the memory of decoded pictures, instead of asking the system for fresh pages each time.

Affects the whole process and Linux with glibc only. docs/pictures.md has the measurements.
"""

import ctypes
from contextlib import suppress

_MIB = 1024 * 1024
# From malloc.h: https://www.gnu.org/software/libc/manual/html_node/Malloc-Tunable-Parameters.html
_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD, _M_ARENA_MAX = -1, -2, -3, -8
# One arena, because each thread's own would keep memory that no other thread can use. Larger blocks than
# ``LARGEST_KEPT`` bytes are always returned, as they would leave gaps. Of the rest, at most ``MOST_KEPT`` bytes stay
# with the process between pictures; if there are more, all but ``LEAST_KEPT`` are returned.
LARGEST_KEPT, MOST_KEPT, LEAST_KEPT = 80 * _MIB, 256 * _MIB, 192 * _MIB
_PARAMETERS = (
    (_M_ARENA_MAX, 1),
    (_M_MMAP_THRESHOLD, LARGEST_KEPT),
    (_M_TRIM_THRESHOLD, MOST_KEPT),
    (_M_TOP_PAD, LEAST_KEPT),
)


def keep_freed_memory() -> bool:
    """Configure glibc's allocator; return whether it is in use and accepted everything. Programs call this at start.

    Threads that already run keep their arena; those that start later, as the worker's do at uploads, share one.
    """
    if not is_glibc():
        return False
    accepted = [ctypes.CDLL(None).mallopt(name, value) for name, value in _PARAMETERS]
    return all(accepted)


def is_glibc() -> bool:
    """Whether this process uses glibc: macOS has no mallopt, that of musl does nothing, and Windows has no library."""
    with suppress(OSError, TypeError):
        return hasattr(ctypes.CDLL(None), "gnu_get_libc_version")
    return False


def environment() -> dict[str, str]:
    """Return the same settings as environment variables, for programs that are compared with us."""
    return {
        "MALLOC_ARENA_MAX": "1",
        "MALLOC_MMAP_THRESHOLD_": str(LARGEST_KEPT),
        "MALLOC_TRIM_THRESHOLD_": str(MOST_KEPT),
        "MALLOC_TOP_PAD_": str(LEAST_KEPT),
    }
