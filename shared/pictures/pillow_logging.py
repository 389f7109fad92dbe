"""Pillow and its decoders keep their remarks to themselves.

They are for whoever wrote a program: sizes, damaged metadata, every tag of a TIFF. What a photographer must know is a
reason, and what an operator must know is in our own line of the log; without this, one odd picture fills it with more.
"""

import ctypes
import logging
import warnings
from contextlib import suppress

from PIL import _imaging


def silence_pillow() -> None:
    """Silence it in the whole process; called once, at the start, by whatever is a program and not by ``render``.

    Not around each picture: ``warnings.catch_warnings`` changes the whole process too, and before Python 3.14 one
    thread would undo it under another. Deprecations stay, for Pillow warns of those in the name of its caller.
    """
    warnings.filterwarnings("ignore", module=r"PIL\.")
    logging.getLogger("PIL").setLevel(logging.CRITICAL + 1)
    _silence_libtiff()


def _silence_libtiff() -> None:
    """Do for libtiff's errors, which are lines on standard error, what Pillow does for its warnings.

    Where Pillow's libraries do not show their functions (on Windows), the lines remain.
    """
    with suppress(OSError, AttributeError):
        decoders = ctypes.CDLL(str(_imaging.__file__))
        for name in ("TIFFSetErrorHandler", "TIFFSetErrorHandlerExt"):
            getattr(decoders, name)(None)
