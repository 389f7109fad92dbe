"""Silences the warnings and log messages of Pillow and its decoders.

They tell programmers about sizes, damaged metadata, every tag of a TIFF. The uploader gets a reason and the operator
our own log line; with Pillow's remarks, one odd picture would flood the log.
"""

import ctypes
import logging
import warnings
from contextlib import suppress

from PIL import _imaging


def silence_pillow() -> None:
    """Silence Pillow in the whole process. Programs call this once at the start; ``render`` does not.

    ``warnings.catch_warnings`` around each picture would change the whole process too, and before Python 3.14 one
    thread would undo it under another. Deprecations stay visible, because Pillow attributes those to its caller.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)
    _silence_libtiff()


def _silence_libtiff() -> None:
    """Silence libtiff's errors, which it writes to standard error, as Pillow itself silences its warnings.

    On Windows Pillow's libraries do not export their functions, so the lines remain.
    """
    with suppress(OSError, AttributeError):
        decoders = ctypes.CDLL(str(_imaging.__file__))
        for name in ("TIFFSetErrorHandler", "TIFFSetErrorHandlerExt"):
            getattr(decoders, name)(None)
