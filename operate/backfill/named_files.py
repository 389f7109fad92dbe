"""Finds the files that a map names, in the folder of photographs."""

import unicodedata
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from operate.backfill.photos import Photo

NO_FILE = "no such file in the folder"
_NONE = "the map's line names no file"
_SEVERAL = "files have this name; give its path"


class NamedFiles:
    """Finds the files that a map names: by path or name, in any case, with or without the extension.

    A text with a slash is a path: it counts from ``folder``, or begins with it, and means no file of another folder.
    """

    def __init__(self, folder: Path, listed: Iterable[Photo]) -> None:
        self._folder = folder
        # As somebody names it, and where links lead.
        self._roots = [Path(_composed(str(root))) for root in (folder.absolute(), folder.resolve())]
        self._by_spelling: dict[str, list[Photo]] = defaultdict(list)
        for photo in listed:
            for spelling in set(map(str.casefold, _spellings(photo))):
                self._by_spelling[spelling].append(photo)

    def find(self, text: str) -> tuple[Photo | None, str]:
        """Return the file, or what is wrong."""
        if not text:
            return None, _NONE
        wanted = _composed(text)
        if wanted.casefold() not in self._by_spelling:
            wanted = wanted.replace("\\", "/")
        if "/" in wanted:
            return self._at(wanted)
        return _only(self._by_spelling.get(wanted.casefold(), ()), wanted, NO_FILE)

    def _at(self, wanted: str) -> tuple[Photo | None, str]:
        path = wanted if wanted.casefold() in self._by_spelling else self._below(wanted)
        found = self._by_spelling.get(path.casefold(), ())
        there = [photo for photo in found if path.casefold() in map(str.casefold, _paths(photo))]
        return _only(there, path, f"{NO_FILE}; paths count from {self._folder}")

    def _below(self, wanted: str) -> str:
        """Return ``wanted`` as it counts from the folder; nothing if it leads elsewhere."""
        for root in self._roots:
            path = root / wanted
            if path.is_relative_to(root):
                return path.relative_to(root).as_posix()
        return ""


def is_unfound(reason: str) -> bool:
    """Whether ``reason`` says that a map's text names no file: then a list has the text as the file."""
    return reason.startswith((NO_FILE, _NONE)) or _SEVERAL in reason


def _composed(text: str) -> str:
    """Return ``text`` with its letters composed: macOS takes them apart."""
    return unicodedata.normalize("NFC", text)


def _paths(photo: Photo) -> tuple[str, str]:
    """Return the path, and the path without the extension."""
    path = _composed(photo.name)
    folder, slash, name = path.rpartition("/")
    return path, f"{folder}{slash}{name.rpartition('.')[0] or name}"


def _spellings(photo: Photo) -> Sequence[str]:
    """Return how a map may name a file, its path first."""
    paths = _paths(photo)
    return *paths, *(path.rpartition("/")[2] for path in paths)


def _only(found: Sequence[Photo], spelling: str, missing: str) -> tuple[Photo | None, str]:
    """Return the one that fits best, or what is wrong."""
    best = _best(found, spelling)
    if len(best) > 1:
        return None, f"{len(best)} {_SEVERAL}: {best[0].name}"
    return (best[0], "") if best else (None, missing)


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
