"""Finds the files that a map names, in the folder of photographs."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

from operate.backfill.photos import Photo

NO_FILE = "no such file in the folder"


class NamedFiles:
    """Finds the files that a map names: by path or name, in any case, with or without the extension."""

    def __init__(self, listed: Iterable[Photo]) -> None:
        self._by_spelling: dict[str, list[Photo]] = defaultdict(list)
        for photo in listed:
            for spelling in set(map(str.casefold, _spellings(photo))):
                self._by_spelling[spelling].append(photo)

    def find(self, text: str) -> tuple[Photo | None, str]:
        """Return the file, or what is wrong."""
        if not text:
            return None, "the map's line names no file"
        wanted = unicodedata.normalize("NFC", text.replace("\\", "/"))
        for spelling in dict.fromkeys((wanted, wanted.removeprefix("./"), wanted.rpartition("/")[2])):
            if found := self._by_spelling.get(spelling.casefold()):
                best = _best(found, spelling)
                if len(best) > 1:
                    return None, f"{len(best)} files have this name; give its path: {best[0].name}"
                return best[0], ""
        return None, NO_FILE


def _spellings(photo: Photo) -> Sequence[str]:
    """Return how a map may name a file, its path first; macOS decomposes letters."""
    path = unicodedata.normalize("NFC", photo.name)
    name = path.rpartition("/")[2]
    return path, name, path.rpartition(".")[0], name.rpartition(".")[0]


def _best(found: Sequence[Photo], spelling: str) -> Sequence[Photo]:
    """Return those that fit best: by their path, in this case or any; then what can be a picture; then in this case."""
    fits: Iterable[Callable[[Photo], bool]] = (
        lambda photo: _spellings(photo)[0] == spelling,
        lambda photo: _spellings(photo)[0].casefold() == spelling.casefold(),
        lambda photo: not photo.obstacle,
        lambda photo: spelling in _spellings(photo),
    )
    for is_better in fits:
        found = [photo for photo in found if is_better(photo)] or found
    return found
