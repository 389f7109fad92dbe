"""Whoever has no photographs at hand can draw some, and all of them find their items."""

from pathlib import Path

from PIL import Image

from devstack import trial
from tests.operate.command import Operator
from tests.support.local_stack import LocalStack


def test_drawn_photographs_find_their_items(local: LocalStack, operator: Operator, tmp_path: Path) -> None:
    folder = tmp_path / "photographs"
    for count in (12, 8):  # the second time anew
        trial.make(local.stack, folder, count)
        local_items = operator.asked("backfill", folder, "--dry-run")["files"]
        assert [row["state"] for row in local_items] == ["planned"] * count
        assert len({row["item"] for row in local_items}) == count
        local.reset()
    assert len({path.read_bytes() for path in folder.iterdir()}) == 8
    for path in folder.iterdir():
        with Image.open(path) as picture:
            assert picture.format == "JPEG"
