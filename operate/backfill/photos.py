"""Lists the photographs in a folder, and what in it is none, with the reason."""

import os
import stat
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from shared.pictures import bmp, gif, jpeg2000, jpeg_segments, png, tiff, webp
from shared.pictures.diagnosis import is_heif, readable_bytes

SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".png", ".webp", ".avif", ".tif", ".tiff", ".gif", ".bmp", ".jp2")
LARGEST = 256 * 1024 * 1024  # bytes; no setting of the app allows more
_HEIC = (".heic", ".heif", ".hif")
# What systems and devices leave in folders of pictures.
_JUNK = ("thumbs.db", "ehthumbs.db", "desktop.ini", "@eadir", "__macosx", "#recycle", "$recycle.bin", "lost+found")
_BEGINNING = 64  # bytes that tell a format
_SIGNATURES = (
    jpeg_segments.SIGNATURE,
    png.SIGNATURE,
    bmp.SIGNATURE,
    *tiff.SIGNATURES,
    *gif.SIGNATURES,
    *jpeg2000.SIGNATURES,
)


@dataclass(frozen=True, slots=True)
class Photo:
    """A file in the folder; ``name`` is its path relative to the folder, with slashes.

    ``obstacle`` says why it cannot become a picture. ``is_fault`` tells what somebody should mend from what does not
    belong here.
    """

    name: str
    size: int = 0
    obstacle: str = ""
    is_fault: bool = False


def photos(folder: Path, largest: int = LARGEST) -> Iterator[Photo]:
    """Yield every file below ``folder``, sorted by name; the app takes at most ``largest`` bytes.

    Symbolic links are not followed.

    Raises:
        OSError: the folder itself cannot be read.
    """
    return _below(folder, "", largest)


def _below(folder: Path, prefix: str, largest: int) -> Iterator[Photo]:
    with os.scandir(folder) as entries:
        listed = sorted(entries, key=lambda entry: entry.name)
    for entry in listed:
        name = f"{prefix}{entry.name}"
        if obstacle := _left_alone(entry):
            yield Photo(shown(name), obstacle=obstacle)
        elif entry.is_dir(follow_symlinks=False):
            try:
                yield from _below(Path(entry.path), f"{name}/", largest)
            except OSError as error:
                yield Photo(shown(name), obstacle=f"a folder that cannot be read: {error.strerror}", is_fault=True)
        else:
            yield _photo(entry, name, largest)


def _left_alone(entry: os.DirEntry[str]) -> str:
    if entry.is_symlink():
        return "a symbolic link, which is not followed"
    if entry.name.lower() in _JUNK:
        return "left by an operating system"
    if entry.name.startswith((".", "~$")):
        return "hidden"
    return ""


def _photo(entry: os.DirEntry[str], name: str, largest: int) -> Photo:
    suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - half as fast as a Path's
    if suffix in _HEIC:
        return Photo(shown(name), obstacle="HEIC, which the app does not take: save it as JPEG", is_fault=True)
    if suffix not in SUFFIXES:
        return Photo(shown(name), obstacle=f"not a picture, to judge by its name ({suffix or 'no extension'})")
    try:
        info = entry.stat(follow_symlinks=False)
        fault = _fault(entry, name, info, largest)
    except OSError as error:
        fault, info = f"cannot be read: {error.strerror}", None
    return Photo(shown(name), info.st_size if info else 0, fault, is_fault=bool(fault))


def _fault(entry: os.DirEntry[str], name: str, info: os.stat_result, largest: int) -> str:
    """Return what keeps a file with a picture's name from being one; reads only its beginning."""
    if not stat.S_ISREG(info.st_mode):  # opening a pipe would wait for its writer
        return "not a file"
    if name != shown(name):
        return "its name has control characters, or is not UTF-8: rename it"
    if not info.st_size:
        return "empty"
    if info.st_size > largest:
        return f"larger than {readable_bytes(largest, is_limit=True)} (SOURCE_MAX_BYTES), the most that the app takes"
    with open(entry.path, "rb") as file:  # noqa: PTH123 - the entry has the path as text
        return _fault_of(file.read(_BEGINNING))


def _fault_of(beginning: bytes) -> str:
    if beginning.startswith(_SIGNATURES) or webp.is_webp(beginning) or beginning[4:12] in (b"ftypavif", b"ftypavis"):
        return ""
    if is_heif(beginning):
        return "HEIC inside, which the app does not take: save it as JPEG"
    return "no picture inside, whatever its name says"


def shown(name: str) -> str:
    """Return a file's name as text that any list can hold: its bytes may not be UTF-8."""
    text = os.fsencode(name).decode("utf-8", "replace")
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(c) in ("Cc", "Cs") else c for c in text)
