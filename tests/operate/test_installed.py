"""An installed copy says as much as a checkout: the pages that it names are there."""

import os
import re
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from devstack.machine.setup import ROOT
from tests.operate.command import Operator
from tests.operate.test_doctor import leads_somewhere, pages


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with what pip would unpack."""
    folder = tmp_path_factory.mktemp("installed")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True, timeout=60)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def test_every_page_that_a_message_names_is_installed(site: Path) -> None:
    named = sorted(set(pages()))
    assert named
    assert [page for page, anchor in named if not leads_somewhere(page, anchor, site / "operate")] == []


@pytest.mark.parametrize(
    "command", [("status",), ("doctor", "--json"), ("export", "pictures", "--config", "none.json")]
)
def test_messages_give_the_whole_path_of_a_page(command: tuple[str, ...], site: Path, operator: Operator) -> None:
    environment = {**os.environ, "PYTHONPATH": str(site), "NO_PROXY": "*", "PYTHONUTF8": "1", "COLUMNS": "1000"}
    ended = subprocess.run(
        [sys.executable, "-m", "operate.cli", "--config", str(operator.config), *command],
        cwd=operator.folder,
        env=environment,
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    named = re.findall(r"([^\s\"(]*docs[/\\]+[\w-]+\.md)", ended.stdout + ended.stderr)
    assert named, ended.stderr
    assert [page for page in named if not Path(page.replace("\\\\", "\\")).is_absolute()] == []
    assert [page for page in named if not Path(page.replace("\\\\", "\\")).is_file()] == []
