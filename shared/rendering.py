"""Renders an upload's bytes in this process."""

from collections.abc import Callable
from dataclasses import dataclass

from shared.pictures.memory import MemoryBudget
from shared.pictures.render import Picture, render
from shared.pictures.rendition import Rendition, SourceLimits
from shared.pictures.unpacking import unpacked

Render = Callable[[bytes], Picture]


@dataclass(frozen=True)
class Renderer:
    """Renders uploads; one per process, safe to use from threads."""

    rendition: Rendition
    limits: SourceLimits
    memory: MemoryBudget

    def __call__(self, content: bytes) -> Picture:
        """Return the picture for BC; ``content`` is a picture file, or one packed with gzip.

        Raises:
            Permanent: ``not_an_image`` or ``too_large``.
        """
        return render(unpacked(content, self.limits.max_bytes), self.rendition, self.limits, self.memory)
