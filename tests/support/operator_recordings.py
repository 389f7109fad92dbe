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
from tests.support.item_pictures import BLUE, GREEN, picture_of, put_by_hand, upload
from tests.support.local_stack import LocalStack
from tests.support.replays import set_aside

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
FOLDER, NO_PICTURE = "CRONUS USA, Inc", b"no picture at all, but long enough to be judged"
_FORMATS = {".png": "PNG", ".tif": "TIFF"}
# However the lines break, within the name as well.
_PAGE = re.compile(
    r"Before and after:\s+file:.*?" + r"\s*".join(map(re.escape, "item-pictures-preview.html")), re.DOTALL
)
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
        (folder / "photos" / "desk.pdf").write_bytes(b"%PDF-1.7" + 99 * b" ")
        shown = "photos/1896-S_front.jpg", "photos/4000012583245.png", "photos/desk.pdf"
        preview = _shown(operator, "preview", *shown)
        local.reset()
        _let_things_happen(local)
        recordings = {
            "operating-status.svg": _shown(operator, "status"),
            "operating-story.svg": _shown(operator, "status", "1896-S"),
            "operating-replay.svg": _shown(operator, "replay", "--reason", "not_an_image"),
            "operating-preview.svg": preview,
        }
        local.reset()
        local.app().sweep.run()
        operator.configure(
            businessCentral=local.stack.endpoints.installation["businessCentral"] | {"company": "CRONUS"}
        )
        recordings["operating-doctor.svg"] = _shown(operator, "doctor")
    return {"operating-plan.svg": plan, "operating-backfill.svg": done, "operating-export.svg": exported} | recordings


def _let_things_happen(local: LocalStack) -> None:
    """Let uploads wait and fail; storage's clock moves on, so that their ages are always the same in words."""
    set_aside(local, f"{FOLDER}/1928-S.jpg", NO_PICTURE)
    set_aside(local, "2026/summer/desk.jpg", picture_of(BLUE))
    local.pass_storage_time(days=3)
    set_aside(local, f"{FOLDER}/1968-S.jpg", NO_PICTURE)
    for number in range(40):
        local.upload(f"{FOLDER}/NEW-{number}.jpg", picture_of(BLUE))
    local.upload("Fabrikam/1000.jpg", picture_of(BLUE))
    local.pass_storage_time(days=2, hours=1)
    put_by_hand(local, GREEN)
    upload(local, BLUE)
    local.upload(f"{FOLDER}/1900-S.jpg", picture_of(BLUE))
    local.pass_storage_time(hours=3, minutes=1)


def _calm(text: str) -> str:
    """Return what a command printed with times and hashes of one day, which differ each time."""
    text = _PAGE.sub("Before and after: file:///home/you/item-pictures-preview.html", text)
    text = re.sub(r"(?<=[~/-])[0-9a-f]{12}(?=\.)", "0123456789ab", text)
    text = re.sub(r"[0-9]{8}T[0-9]{6}Z", "20260301T080000Z", text)
    return re.sub(r"[0-9]{4}-[0-9]{2}-[0-9]{2}(\s+)[0-9]{2}:[0-9]{2}:[0-9]{2}", r"2026-03-01\g<1>08:00:00", text)


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
    console.print(Text.from_ansi(_calm(ended.out)))
    svg = console.export_svg(title="item-pictures", unique_id="recording")
    return "\n".join(line.rstrip() for line in _FOREIGN.sub("", svg).splitlines()) + "\n"


def main(target: Path) -> None:
    """Write the recordings into ``target``."""
    with stack.running(movable_clock=True) as running, TemporaryDirectory() as folder:
        for name, svg in record(LocalStack(running), Path(folder)).items():
            (target / name).write_text(svg, encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
