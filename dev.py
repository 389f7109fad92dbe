"""Runs the developer's commands.

python3 dev.py demo    put sample photographs on items and show each result (--photos DIR for your own)
python3 dev.py up      run the local stack until Ctrl-C; .local/endpoints.json lists its addresses
python3 dev.py test    run the whole test suite; further arguments go to pytest
python3 dev.py check   check formatting, lint and types
python3 dev.py bench   measure rendering (bench render) and importing the app (bench import); alone, both
python3 dev.py clean   remove everything the other commands created (up to 1.3 GB)

COMMAND --help explains the options. The first command creates .venv with all packages (a minute, 320 MB).
"""

# Standard library only: this runs before .venv exists, and hands over to devstack/commands.py.

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
PYTHON = VENV / "Scripts" / "python.exe" if os.name == "nt" else VENV / "bin" / "python"
APP, STACK, TESTS, BENCH = (ROOT / f"requirements{part}.txt" for part in ("", "-dev", "-test", "-bench"))
OLDEST = (3, 11)


def main() -> int:
    """Run the command in the project's own environment; create or update that first if needed."""
    if sys.version_info[:2] < OLDEST:
        return _fail(f"Python 3.11, 3.12 or 3.13 is needed; this is {sys.version.split()[0]}.")
    if sys.argv[1:] in ([], ["--help"], ["-h"], ["help"]):
        print((__doc__ or "").strip())
        return 0
    if sys.argv[1:] == ["clean"]:
        return _clean()
    if problem := _prepare(_requirements(*sys.argv[1:])):
        return _fail(problem)
    return _continue_inside()


def _requirements(command: str, *arguments: str) -> Path:
    """Return a command's requirements: only the rendering benchmark installs its own packages."""
    if command in ("test", "check"):
        return TESTS
    renders = command == "bench" and arguments[:1] in ((), ("render",)) and "--help" not in arguments
    return BENCH if renders else STACK


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


def _prepare(additional: Path) -> str | None:
    """Create or complete the environment if needed; return the problem, if any."""
    started = time.monotonic()
    if not _is_current(STACK) and (problem := _create()):
        return problem
    for requirements in dict.fromkeys((STACK, additional)):
        if not _is_current(requirements):
            if not _install(requirements):
                return "pip could not install the packages (see above). Fix that and run the command again."
            _stamp(requirements).write_text(_state(requirements), encoding="utf-8")
            _say(f"Installed {requirements.name} in {time.monotonic() - started:.0f} s.")
    return None


def _stamp(requirements: Path) -> Path:
    return VENV / f"{requirements.stem}.stamp"


def _state(requirements: Path) -> str:
    """Return a digest of this Python and these requirements."""
    parts = [sys.version, sys.base_prefix]
    parts += [path.read_text(encoding="utf-8") for path in dict.fromkeys((APP, STACK, requirements))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _is_current(requirements: Path) -> bool:
    stamp = _stamp(requirements)
    return PYTHON.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == _state(requirements)


def _create() -> str | None:
    """Create an empty environment; return the problem, if any."""
    if Path(sys.prefix).resolve() == VENV:
        return f"The requirements have changed. Run this with your own Python, not with the one in {VENV.name}."
    _say(f"Creating {VENV.name} with Python {sys.version.split()[0]}, once: about a minute and 320 MB.")
    shutil.rmtree(VENV, ignore_errors=True)
    if _succeeds(sys.executable, "-m", "venv", str(VENV)):
        return None
    # Debian's Python lacks ensurepip: create an environment without pip and fill it with the pip outside.
    without_pip = (sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV))
    if _succeeds(*without_pip) and _succeeds(*_pip(), "--version"):
        return None
    return "This Python cannot create virtual environments (on Debian: apt install python3-venv)."


def _pip() -> list[str]:
    inside = [str(PYTHON), "-m", "pip"]
    return inside if _succeeds(*inside, "--version") else [sys.executable, "-m", "pip", "--python", str(PYTHON)]


def _succeeds(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _install(requirements: Path) -> bool:
    """Install the packages, naming each as pip collects it; they include Node, for Azurite."""
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    command = [*_pip(), "install", *quiet, "--requirement", str(requirements)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stdout or ():
            step, _, rest = line.strip().partition(" ")
            if step == "Collecting":
                _say(f"  {rest.split(' (from')[0]}")
            elif step == "Installing":
                _say("  installing them …")
    return process.returncode == 0


def _continue_inside() -> int:
    """Continue inside the environment, in the caller's folder: paths on the command line are relative to it."""
    command = [str(PYTHON), "-m", "devstack.commands", *sys.argv[1:]]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    if os.name != "nt":
        os.execve(PYTHON, command, env)  # the same process: ending it ends the command
    # Windows has no exec: the command ends when its pipe closes, and receives Ctrl-C directly.
    env["ITEM_PICTURE_SYNC_LIFELINE"] = "1"
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _clean() -> int:
    """Remove everything the other commands created: the environment, Azurite, reports, caches."""
    caches = (".mypy_cache", ".pytest_cache", ".ruff_cache", ".hypothesis")
    for path in (VENV, ROOT / ".local", *(ROOT / cache for cache in caches)):
        if path.exists():
            _say(f"Removing {path.relative_to(ROOT)}")
            shutil.rmtree(path)
    for folder in [path for path in ROOT.rglob("__pycache__") if path.is_dir()]:
        shutil.rmtree(folder)
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    # A shell without job control starts background programs with SIGINT ignored, and Python leaves it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
