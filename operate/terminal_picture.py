"""Shows a picture in the terminal: by sixels or kitty's protocol if the terminal has them, else in half blocks."""

import sys
from contextlib import suppress
from io import BytesIO

from PIL import Image

from operate.output import Output, is_live
from shared.pictures.memory import MemoryBudget
from shared.pictures.rendition import Rendition, SourceLimits
from shared.rendering import Renderer

_CELLS = 48  # columns at most
_RENDITION = Rendition(max_side=480, max_bytes=1024 * 1024)


def show(output: Output, content: bytes) -> bool:
    """Show the picture; returns False where nobody would see it, or where it is not one that we open."""
    # The terminal is asked what it has, and answers on standard input: both must be the terminal.
    if output.as_json or not is_live(output.results) or not (sys.stdin and sys.stdin.isatty()):
        return False
    # Terminals answer late, wrongly, or with what somebody types meanwhile; the picture is not worth a failure.
    with suppress(Exception):
        # Anybody may have put it there: our own limits come before Pillow.
        small = Renderer(_RENDITION, SourceLimits(), MemoryBudget())(content).content
        from textual_image.renderable import Image as TerminalImage  # noqa: PLC0415 - importing it asks the terminal

        with Image.open(BytesIO(small)) as picture:
            picture.load()
            output.results.print(TerminalImage(picture, width=min(_CELLS, output.results.width), height="auto"))
        return True
    return False
