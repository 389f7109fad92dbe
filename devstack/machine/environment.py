"""Makes the project's own environment, .venv, and runs the commands of dev.py in it."""

# Standard library only: this runs before .venv exists, and hands over to devstack/commands.py.

import hashlib
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from io import BufferedRandom
from pathlib import Path
from typing import NoReturn

from devstack.machine import cleaning, locks

ROOT = Path(__file__).resolve().parents[2]
VENV, LOCAL = ROOT / ".venv", ROOT / ".local"
PYTHON = VENV / "Scripts" / "python.exe" if os.name == "nt" else VENV / "bin" / "python"
APP, STACK, TESTS, BENCH = (ROOT / f"requirements{part}.txt" for part in ("", "-dev", "-test", "-bench"))
SCRIPTS = ROOT / "infra" / "scripts" / "requirements.txt"
# By command, so that a mistake shows before anything is installed; None leaves it to the command itself.
OPTIONS: dict[str, tuple[str, ...] | None] = {
    "demo": ("--photos", "--keyless", "--stay", "--report"),
    "up": ("--sweep-interval", "--hosts", "--host", "--photographs"),
    "test": None,
    "check": (),
    "bench": None,
    "operate": None,
    "package": (),
    "upload": None,
    "workbook": (),
    "clean": (),
}
# They lead pip, or Python itself, away from the environment.
_MISLEADING = (
    *("PIP_TARGET", "PIP_PREFIX", "PIP_ROOT", "PIP_PYTHON", "PIP_DRY_RUN", "PIP_NO_DEPS", "PIP_REQUIREMENT"),
    *("PYTHONHOME", "PYTHONPATH", "PYTHONUSERBASE", "PYTHONEXECUTABLE", "PYTHONPLATLIBDIR", "__PYVENV_LAUNCHER__"),
)
_MISUSE = 2  # the exit code of a command line that makes no sense


def run(usage: str) -> NoReturn:
    """Run the command on the command line and exit; without one, print ``usage``."""
    # A shell without job control starts background programs with SIGINT ignored, and Python leaves it ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(_run(usage, sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
    except OSError as error:
        sys.exit(_fail(unusable(error)))


def _run(usage: str, words: list[str]) -> int:
    if words in ([], ["--help"], ["-h"], ["help"]):
        print(usage.strip())
        return 0
    if problem := _misuse(*words):
        return _fail(problem, _MISUSE)
    if words[0] == "clean":
        return _clean(*words[1:])
    if problem := _prepare(_requirements(*words)):
        return _fail(problem)
    return _continue_inside(words)


def _misuse(command: str, *arguments: str) -> str | None:
    """Return what is wrong with a command line, as far as one can see without the commands' packages."""
    if command not in OPTIONS:
        return f"dev.py has no command {command!r}; its commands are {', '.join(OPTIONS)}."
    known = OPTIONS[command]
    options = [word.partition("=")[0] for word in arguments if word.startswith("--") and word != "--"]
    unknown = [] if known is None else [option for option in options if option not in (*known, "--help")]
    if unknown:
        expected = f"its options are {', '.join((*known, '--help'))}" if known else "its only option is --help"
        return f"dev.py {command} has no option {unknown[0]!r}; {expected}."
    if command == "clean" and (other := [word for word in arguments if word != "--help"]):
        return f"dev.py clean takes no arguments; found {other[0]!r}."
    return None


def _requirements(command: str, *arguments: str) -> Path:
    """Return a command's requirements: only the rendering benchmark installs its own packages."""
    if command in ("test", "check"):
        return TESTS
    if command in ("package", "upload"):
        return SCRIPTS
    renders = command == "bench" and arguments[:1] in ((), ("render",)) and "--help" not in arguments
    return BENCH if renders else STACK


def _fail(message: str, code: int = 1) -> int:
    print(message, file=sys.stderr)
    return code


def unusable(error: OSError) -> str:
    """Return a sentence about a file or folder that the operating system refuses."""
    problem = f"{error.filename}: {error.strerror}" if error.filename else str(error)
    return f"dev.py must be able to read and write in the project's folder, but could not: {problem}."


def _clean(*arguments: str) -> int:
    if "--help" in arguments:
        print("dev.py clean removes everything that the other commands created: .venv, .local and the tools' caches.")
        return 0
    problem = cleaning.clean(ROOT, _say)
    return _fail(problem) if problem else 0


def _prepare(additional: Path) -> str | None:
    """Create or complete the environment if needed; return the problem, if any."""
    if all(_is_current(requirements) for requirements in (STACK, additional)):
        return None
    with _preparing():
        started = time.monotonic()
        if not _is_current(STACK) and (problem := _create()):
            return problem
        for requirements in dict.fromkeys((STACK, additional)):
            if not _is_current(requirements):
                if problem := _install(requirements):
                    return problem
                _stamp(requirements).write_text(_state(requirements), encoding="utf-8")
                _say(f"Installed {requirements.relative_to(ROOT)} in {time.monotonic() - started:.0f} s.")
    return None


def _preparing() -> BufferedRandom:
    """Wait until no other process prepares the environment, and return the lock that keeps others waiting."""
    is_waiting = False
    while (lock := locks.hold(LOCAL / "prepare.lock", alone=True)) is None:
        if not is_waiting:
            _say(f"Waiting for another dev.py, which prepares {VENV.name}.")
            is_waiting = True
        time.sleep(0.5)
    return lock


def _stamp(requirements: Path) -> Path:
    return VENV / f"{requirements.stem}.stamp"


def _state(requirements: Path) -> str:
    """Return a digest of this Python and these requirements."""
    parts = [sys.version, sys.base_prefix, *_texts(requirements)]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _texts(requirements: Path) -> Iterator[str]:
    """Yield these requirements and those that they include."""
    text = requirements.read_text(encoding="utf-8")
    yield text
    for line in text.splitlines():
        if line.startswith("-r "):
            yield from _texts(requirements.parent / line.removeprefix("-r "))


def _is_current(requirements: Path) -> bool:
    stamp = _stamp(requirements)
    return PYTHON.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == _state(requirements)


def _create() -> str | None:
    """Create an empty environment; return the problem, if any."""
    if Path(sys.prefix).resolve() == VENV.resolve():  # also behind a symbolic link
        return f"The requirements have changed. Run this with your own Python, not with the one in {VENV.name}."
    _say(f"Creating {VENV.name} with Python {sys.version.split()[0]}, once: about a minute and 420 MB.")
    shutil.rmtree(VENV, ignore_errors=True)
    VENV.mkdir(exist_ok=True)  # venv itself would not say why it cannot
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
    return subprocess.run(command, check=False, capture_output=True, env=own_environment()).returncode == 0


def _install(requirements: Path) -> str | None:
    """Install the packages, naming each as pip collects it; they include Node, for Azurite. Return the problem."""
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    command = [*_pip(), "install", *quiet, "--requirement", str(requirements)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, text=True, errors="replace", env=own_environment()
    ) as process:
        for line in process.stdout or ():
            step, _, rest = line.strip().partition(" ")
            if step == "Collecting":
                _say(f"  {rest.split(' (from')[0]}")
            elif step == "Installing":
                _say("  installing them …")
    if process.returncode:
        return "pip could not install the packages (see above). Fix that and run the command again."
    if not _succeeds(str(PYTHON), "-c", "import typer"):
        return f"pip put the packages elsewhere than {VENV.name}: see target, prefix or root in 'pip config list'."
    return None


def own_environment() -> dict[str, str]:
    """Return the caller's environment without what leads pip or Python elsewhere."""
    others = {name: value for name, value in os.environ.items() if name.upper() not in _MISLEADING}
    return {**others, "PIP_USER": "0"}  # pip's configuration may ask for it, too


def _continue_inside(words: list[str]) -> int:
    """Continue inside the environment, in the caller's folder: paths on the command line are relative to it."""
    command = [str(PYTHON), "-m", "devstack.commands", *words]
    env = {**own_environment(), "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    if os.name != "nt":
        os.execve(PYTHON, command, env)  # noqa: S606 - the same process: ending it ends the command
    # Windows has no exec: the command ends when its pipe closes, and receives Ctrl-C directly.
    env["ITEM_PICTURE_SYNC_LIFELINE"] = "1"
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
