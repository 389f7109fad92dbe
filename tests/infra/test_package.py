"""The package is the app with all its packages for Linux x64 and Python 3.13, whatever packs it."""

import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest

from devstack.machine.children import clean_environment
from devstack.machine.setup import ROOT
from tests.devstack.dev_commands import command, run

PACKAGES = ".python_packages/lib/site-packages/"
IN_AZURE = {
    "PICTURE_STORAGE__blobServiceUri": "https://pictures.blob.core.windows.net",
    "PICTURE_STORAGE__queueServiceUri": "https://pictures.queue.core.windows.net",
    "PICTURE_STORAGE__credential": "managedidentity",
    "BC_TENANT_ID": "7c1f0a52-3f0e-4e55-9d0a-6b1f6f0f3a11",
    "BC_ENVIRONMENT": "Sandbox",
    "BC_COMPANY": "CRONUS USA, Inc.",
}
on_azures_python = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="Microsoft's azure-functions-runtime needs Python 3.13"
)


# What lies about in a developer's folder, below shared/ and beside it.
JUNK = (
    ".env",
    "shared/.env",
    "shared/.DS_Store",
    "shared/config.py~",
    "shared/.#config.py",
    "shared/#config.py#",
    "shared/config.py.orig",
    "shared/.config.py.swp",
    "shared/.idea/workspace.py",
    "shared/storage/local.settings.json",
    "shared/storage/id_rsa",
    "shared/storage/key.pem",
    "shared/pictures/photo.jpg",
    "shared/pictures/__pycache__/render.cpython-313.pyc",
)
SECRET = b"a secret that lies about"


@pytest.fixture(scope="module")
def untidy(project: Path) -> Iterator[Path]:
    """Leave junk in the project, and a link that leads out of it."""
    outside = project.parent / "outside.py"
    files = [outside, *(project / name for name in JUNK)]
    for file in files:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(SECRET)
    link = project / "shared" / "linked.py"
    link.symlink_to(outside)
    yield project
    for file in (link, *files):
        file.unlink()


@pytest.fixture(scope="module")
def packed(untidy: Path) -> Path:
    """Run the command as a user does, and return the zip; without network, from what earlier runs have fetched."""
    project = untidy
    ended = run(project, "package")
    if "Failed to fetch" in ended.stderr:
        start = command(project, "package")
        start["env"]["UV_OFFLINE"] = "1"
        ended = subprocess.run(**start, capture_output=True, timeout=180, check=False)
        if ended.returncode:
            pytest.skip("the app's packages cannot be fetched")
    assert ended.returncode == 0, ended.stderr
    path = project / ".local" / "item-picture-sync.zip"
    assert str(path) in ended.stdout
    return path


@pytest.fixture(scope="module")
def names(packed: Path) -> list[str]:
    with zipfile.ZipFile(packed) as archive:
        return archive.namelist()


@pytest.fixture(scope="module")
def unpacked(packed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(packed) as archive:
        archive.extractall(folder)
    return folder


def test_it_holds_the_app_and_nothing_else_of_the_project(names: list[str]) -> None:
    own = [name for name in names if not name.startswith(PACKAGES)]
    modules = [path.relative_to(ROOT).as_posix() for path in (ROOT / "shared").rglob("*.py")]
    assert sorted(own) == sorted(["function_app.py", "host.json", "requirements.txt", *modules])


def test_nothing_that_lies_about_gets_in(packed: Path) -> None:
    """Neither by its name nor under another one; azd deploys the folder, the Azure CLI the zip."""
    with zipfile.ZipFile(packed) as archive:
        in_zip = {name: archive.read(name) for name in archive.namelist()}
    folder = packed.parent / "package"
    in_folder = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    assert in_zip == in_folder
    assert [name for name, content in in_zip.items() if name in JUNK or SECRET in content] == []


def test_every_requirement_is_there_as_python_3_13_reads_it(names: list[str]) -> None:
    """Two requirements of one package have conditions; the Python that packs must not decide between them."""
    text = (ROOT / "requirements.txt").read_text(encoding="utf-8")
    pins = re.findall(r'^([\w-]+)==(\S+)(?: ; python_version (>=|<) "3.13")?$', text, re.MULTILINE)
    assert len(pins) == text.count("==") >= 12
    wanted = {f"{name.replace('-', '_')}-{version}" for name, version, condition in pins if condition != "<"}
    packages = set(re.findall(rf"^{re.escape(PACKAGES)}([^/]+)\.dist-info/METADATA$", "\n".join(names), re.MULTILINE))
    assert wanted - packages == set()
    assert len([name for name in packages if name.startswith("azure_functions-")]) == 1


def test_what_is_compiled_is_for_linux_and_3_13(names: list[str]) -> None:
    libraries = [name for name in names if re.search(r"\.(so|pyd|dylib|dll)$", name)]
    assert any("/PIL/_imaging.cpython-313-x86_64-linux-gnu.so" in name for name in libraries)
    suitable = r"\.(cpython-313-x86_64-linux-gnu|abi3)\.so$"
    assert [name for name in libraries if not re.search(suitable, name)] == []


def test_nothing_tells_when_or_where_it_was_packed(packed: Path, project: Path) -> None:
    """The same content gives the same zip, so a changed hash means a changed app."""
    with zipfile.ZipFile(packed) as archive:
        entries = archive.infolist()
        assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}
        assert {(entry.create_system, entry.external_attr >> 16) for entry in entries} == {(3, 0o100644)}
        assert [entry.filename for entry in entries] == sorted(entry.filename for entry in entries)
        places = [str(place).encode() for place in (project, sys.prefix)]
        contents = {entry.filename: archive.read(entry) for entry in entries}
        assert [name for name, content in contents.items() if any(place in content for place in places)] == []


def test_a_failure_leaves_the_earlier_package(packed: Path, project: Path) -> None:
    before, requirements = packed.read_bytes(), project / "requirements.txt"
    text = requirements.read_text(encoding="utf-8")
    try:
        requirements.write_text("pillow ===\n", encoding="utf-8")
        ended = run(project, "package")
    finally:
        requirements.write_text(text, encoding="utf-8")
    assert ended.returncode == 1
    assert "Nothing was packed" in ended.stderr
    assert packed.read_bytes() == before
    assert (packed.parent / "package" / "host.json").is_file()
    assert not (packed.parent / "package.partial").exists()


@on_azures_python
def test_microsofts_runtime_finds_the_functions(unpacked: Path, tmp_path: Path) -> None:
    """Only the runtime itself comes from here; everything that it loads is out of the zip."""
    runtime = find_spec("azure_functions_runtime")
    assert runtime
    assert runtime.origin
    shutil.copytree(Path(runtime.origin).parent, tmp_path / "azure_functions_runtime")
    ended = python(unpacked, ["-m", "tests.support.functions_runtime", str(unpacked)], tmp_path, ROOT)
    assert ended.returncode == 0, ended.stderr
    answer = json.loads(ended.stdout)
    assert answer["start"]["succeeded"], answer["start"]
    assert answer["bindings"].keys() == {"item_picture_uploaded", "sweep_incoming", "delivery_exhausted"}
    assert [name for name, load in answer["loads"].items() if not load["succeeded"]] == []


@on_azures_python
@pytest.mark.parametrize("module", ["azure.monitor.opentelemetry", "PIL._imaging", "PIL._avif", "cryptography.x509"])
def test_what_is_loaded_later_is_there_too(unpacked: Path, module: str) -> None:
    ended = python(unpacked, ["-c", f"import {module}; print({module}.__file__)"])
    assert ended.stdout.startswith(str(unpacked)), ended.stderr


def python(unpacked: Path, arguments: list[str], *places: Path) -> subprocess.CompletedProcess[str]:
    """Run Python with the package's packages and without those of this environment."""
    path = os.pathsep.join(map(str, (unpacked / PACKAGES, *places)))
    return subprocess.run(
        [sys.executable, "-S", *arguments],
        cwd=ROOT,
        env=clean_environment({**IN_AZURE, "PYTHONPATH": path, "PYTHONDONTWRITEBYTECODE": "1"}),
        input="[]",
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
