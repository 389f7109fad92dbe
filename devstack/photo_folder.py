"""Reads a folder of photographs for the demo, and leaves out what cannot be uploaded."""

import os
import stat
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from devstack import stack
from devstack.drawing.samples import Sample
from devstack.terminal import visible

PICTURE_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".tif", ".tiff", ".gif", ".bmp", ".jp2")
COMPANY_FOLDER = stack.COMPANY.rstrip(".")  # a path segment cannot end in a dot
_HIDDEN = "hidden"


class PhotoFolder:
    """The pictures directly in a folder; ``left_out`` lists the names of the others by what is wrong with them."""

    def __init__(self, folder: Path) -> None:
        self.left_out: dict[str, list[str]] = defaultdict(list)
        named = sorted(path for path in folder.iterdir() if path.suffix.lower() in PICTURE_SUFFIXES)
        self._pictures = [path for path in named if self._is_usable(path)]
        if not self._pictures:
            left_out = f"; left out: {visible(describe(self.left_out))}" if self.left_out else ""
            raise SystemExit(f"{folder} contains no pictures ({', '.join(PICTURE_SUFFIXES)}){left_out}.")

    def rounds(self, item_numbers: list[str]) -> Iterator[Iterator[Sample]]:
        """Yield the pictures in rounds; within a round, each picture has its own item.

        Pictures sorted by file name go to the items sorted by number, one each; when the items run out, a new round
        begins with the first item.
        """
        numbers = sorted(item_numbers)
        for start in range(0, len(self._pictures), len(numbers)):
            yield self._samples(numbers, self._pictures[start:])

    def _samples(self, numbers: list[str], pictures: list[Path]) -> Iterator[Sample]:
        for number, path in zip(numbers, pictures, strict=False):
            try:
                content = path.read_bytes()
            except OSError as error:
                self._leave_out(path, _problem(error))
            else:
                yield Sample(f"{COMPANY_FOLDER}/{number}{path.suffix}", content, file_name(path), is_photograph=True)

    def _is_usable(self, path: Path) -> bool:
        problem = _HIDDEN if path.name.startswith(".") else _obstacle(path)
        if problem:
            self._leave_out(path, problem)
        return not problem

    def _leave_out(self, path: Path, problem: str) -> None:
        self.left_out[problem].append(file_name(path))


def describe(left_out: dict[str, list[str]]) -> str:
    """Return which files are missing and why, a few by name."""
    groups = []
    for problem, names in left_out.items():
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""  # noqa: PLR2004 - a few are enough
        groups.append(f"{', '.join(names[:3])}{more} ({problem})")
    return "; ".join(groups)


def file_name(path: Path) -> str:
    """Return a file's name as text, even if its bytes are not UTF-8."""
    return os.fsencode(path.resolve().name if path.name in ("", "..") else path.name).decode("utf-8", "replace")


def _obstacle(path: Path) -> str | None:
    """Return why ``path`` cannot be read; opens only files, since a pipe would wait for its writer."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return "a folder"
        if not stat.S_ISREG(mode):
            return "not a file"
        with path.open("rb"):
            return None
    except OSError as error:
        return _problem(error)


def _problem(error: OSError) -> str:
    return f"unreadable: {error.strerror or error}"
