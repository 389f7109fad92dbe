"""Makes folders of photographs."""

from io import BytesIO
from pathlib import Path

from PIL import Image

_FORMATS = {".png": "PNG", ".webp": "WEBP", ".tif": "TIFF", ".gif": "GIF", ".bmp": "BMP"}


def photograph(path: Path, seed: int = 0) -> None:
    """Write a small picture that differs by ``seed``."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = BytesIO()
    colour = (seed * 37 % 256, seed * 101 % 256, seed // 7 % 256)
    Image.new("RGB", (48 + seed % 5, 32), colour).save(file, _FORMATS.get(path.suffix.lower(), "JPEG"))
    path.write_bytes(file.getvalue())


def photographs(folder: Path, *names: str) -> Path:
    """Write a picture of each name, each another one, and return the folder."""
    for seed, name in enumerate(names):
        photograph(folder / name, seed)
    return folder
