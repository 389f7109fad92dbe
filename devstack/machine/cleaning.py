"""Removes everything that the commands of dev.py created, unless one of them still runs."""

# Standard library only: dev.py uses this without the environment.

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

from devstack.machine import locks

IN_USE = "in-use.lock"
_CREATED = (".venv", ".local", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis")


def clean(root: Path, say: Callable[[str], None]) -> str | None:
    """Remove the environment, Azurite, reports and caches; return what prevents that, if anything does."""
    local = root / ".local"
    held = []
    if local.is_dir():
        for name in (IN_USE, "prepare.lock"):
            lock = locks.hold(local / name, alone=True)
            if lock is None:
                return _still_running(local)
            held.append(lock)
            if os.name == "nt":
                lock.close()  # Windows removes no open file
    for path in (root / name for name in _CREATED):
        if path.is_symlink():
            path.unlink()
        elif path.exists():
            say(f"Removing {path.relative_to(root)}")
            shutil.rmtree(path)
    for folder in [path for path in root.rglob("__pycache__") if path.is_dir()]:
        shutil.rmtree(folder)
    for lock in held:
        lock.close()
    return None


def _still_running(local: Path) -> str:
    try:
        url = json.loads((local / "endpoints.json").read_text(encoding="utf-8"))["catalogue_url"]
    except (OSError, ValueError, KeyError):
        return "Another command of dev.py is running here, so nothing was removed. Stop it first."
    return f"A stack is running here (its catalogue page is {url}), so nothing was removed. Stop it first."
