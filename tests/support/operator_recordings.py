"""Records what ``item-pictures`` prints on the local stack, as pictures for the documents."""

import re
import sys
from io import BytesIO, StringIO
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from PIL import Image
from rich.console import Console
from rich.text import Text

from devstack import stack
from shared.storage.names import INCOMING
from tests.operate.command import Operator, operator_of
from tests.support.local_stack import LocalStack

WIDTH = 104
PHOTOS = (
    "1896-S_front.jpg",
    "1896-S_back.jpg",
    "1900-S (2).jpg",
    "4000012583245.png",
    "70_061.jpg",
    "10-12 MM@2x.jpg",
    "04000013454339_A1C1.tif",
    "IMG_2041.jpg",
    "desk.heic",
    "prices.xlsx",
)
HOSE = "7b0c2f5e-1f62-4a44-9a3b-5d0a6a1c0e01"
_FORMATS = {".png": "PNG", ".tif": "TIFF"}
_FOREIGN = re.compile(r"@font-face \{.*?\}\s*|<!--.*?-->\s*", re.DOTALL)  # fonts that a reader would have to fetch


def record(local: LocalStack, folder: Path) -> dict[str, str]:
    """Return the recordings, as SVG by file name."""
    _arrange(local, folder / "photos")
    with operator_of(local.stack, folder) as operator:
        plan = _shown(operator, "backfill", "photos", "--dry-run")
        operator.run("backfill", "photos", "--manifest", "list.csv")
        pipeline = local.pipeline()
        for name in local.names(INCOMING):
            pipeline.process(INCOMING, name)
        done = _shown(operator, "backfill", "photos", "--resume", "list.csv", "--wait")
        exported = _shown(operator, "export", "pictures", "--manifest", "export.csv")
    return {"operating-plan.svg": plan, "operating-backfill.svg": done, "operating-export.svg": exported}


def _arrange(local: LocalStack, folder: Path) -> None:
    company = local.stack.endpoints.company_id
    local.control("POST", "items", company_id=company, number="10/12 MM", displayName="Hose, 10 mm", id=HOSE)
    folder.mkdir()
    for seed, name in enumerate(PHOTOS):
        file = BytesIO()
        Image.new("RGB", (64, 48), (seed * 20, 90, 120)).save(file, _FORMATS.get(Path(name).suffix, "JPEG"))
        (folder / name).write_bytes(file.getvalue())


def _shown(operator: Operator, *arguments: str) -> str:
    """Return what a terminal shows, without the progress, which differs each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FORCE_COLOR", "1")
        patch.setenv("TERM", "xterm-256color")
        ended = operator.run(*arguments, columns=WIDTH)
    console = Console(record=True, width=WIDTH, file=StringIO(), force_terminal=True, color_system="truecolor")
    console.print(Text(f"$ item-pictures {' '.join(arguments)}", style="bold"))
    console.print(Text.from_ansi(ended.out))
    svg = console.export_svg(title="item-pictures", unique_id="recording")
    return "\n".join(line.rstrip() for line in _FOREIGN.sub("", svg).splitlines()) + "\n"


def main(target: Path) -> None:
    """Write the recordings into ``target``."""
    with stack.running() as running, TemporaryDirectory() as folder:
        for name, svg in record(LocalStack(running), Path(folder)).items():
            (target / name).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
