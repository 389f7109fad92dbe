"""Everything a developer runs.

python3 dev.py demo    run the main job on sample photographs (--photos DIR for yours, --report FILE for JSON)
python3 dev.py up      run the same stack until Ctrl-C; .local/endpoints.json says where everything is
python3 dev.py test    run the whole test suite; what follows is passed on to pytest
python3 dev.py check   check format, lint and types
python3 dev.py bench   measure rendering (bench render) and importing the app (bench import); alone, both
python3 dev.py clean   remove what the others made (up to 1.3 GB)

COMMAND --help says more. The first command makes .venv, with all that is needed (a minute, 320 MB).
"""

# Only the standard library is used here: it runs before .venv is there, and hands over to devstack/commands.py.

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
    """Run the command in the project's own environment, making that first where it is missing or old."""
    if sys.version_info[:2] < OLDEST:
        return _fail(f"Python 3.11, 3.12 or 3.13 is needed; this is {sys.version.split()[0]}.")
    if sys.argv[1:] in ([], ["--help"], ["-h"], ["help"]):
        print((__doc__ or "").strip())
        return 0
    if sys.argv[1:] == ["clean"]:
        return _clean()
    if problem := _prepare(_wanted(*sys.argv[1:])):
        return _fail(problem)
    return _continue_inside()


def _wanted(command: str, *arguments: str) -> Path:
    """Return the requirements of a command; nobody pays for a benchmark that is not run."""
    if command in ("test", "check"):
        return TESTS
    renders = command == "bench" and arguments[:1] in ((), ("render",)) and "--help" not in arguments
    return BENCH if renders else STACK


def _fail(message: str) -> int:
    print(message, file=sys.stderr)
    return 1


def _prepare(wanted: Path) -> str | None:
    """Make or complete the environment, where it is missing or old; the answer says what is wrong, if anything is."""
    started = time.monotonic()
    if not _is_current(STACK) and (problem := _make()):
        return problem
    for requirements in dict.fromkeys((STACK, wanted)):
        if not _is_current(requirements):
            if not _install(requirements):
                return "pip could not install the packages; see above. Run the command again once that is mended."
            _stamp(requirements).write_text(_state(requirements), encoding="utf-8")
            _say(f"{requirements.stem} is installed after {time.monotonic() - started:.0f} s.")
    return None


def _stamp(requirements: Path) -> Path:
    return VENV / f"{requirements.stem}.stamp"


def _state(requirements: Path) -> str:
    """Return what the environment was made from: this Python and these requirements."""
    parts = [sys.version, sys.base_prefix]
    parts += [path.read_text(encoding="utf-8") for path in dict.fromkeys((APP, STACK, requirements))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _is_current(requirements: Path) -> bool:
    stamp = _stamp(requirements)
    return PYTHON.exists() and stamp.exists() and stamp.read_text(encoding="utf-8") == _state(requirements)


def _make() -> str | None:
    """Make an empty environment; the answer says what is wrong, if anything is."""
    if Path(sys.prefix).resolve() == VENV:
        return f"The requirements have changed: run this with the Python that {VENV.name} was made from."
    _say(f"Making {VENV.name} with Python {sys.version.split()[0]}, once: about a minute and 320 MB.")
    shutil.rmtree(VENV, ignore_errors=True)
    if _ran(sys.executable, "-m", "venv", str(VENV)):
        return None
    # Debian's Python comes without ensurepip: then an environment without pip, filled by the pip outside.
    if _ran(sys.executable, "-m", "venv", "--clear", "--without-pip", str(VENV)) and _ran(*_pip(), "--version"):
        return None
    return "This Python can make no virtual environment (on Debian: apt install python3-venv)."


def _pip() -> list[str]:
    inside = [str(PYTHON), "-m", "pip"]
    return inside if _ran(*inside, "--version") else [sys.executable, "-m", "pip", "--python", str(PYTHON)]


def _ran(*command: str) -> bool:
    return subprocess.run(command, check=False, capture_output=True).returncode == 0


def _install(requirements: Path) -> bool:
    """Install the packages, naming each as pip comes to it; Node for Azurite is among them."""
    quiet = ["--disable-pip-version-check", "--no-input", "--progress-bar", "off"]
    command = [*_pip(), "install", *quiet, "--requirement", str(requirements)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, errors="replace") as process:
        for line in process.stdout or ():
            step, _, rest = line.strip().partition(" ")
            if step == "Collecting":
                _say(f"  {rest.split(' (from')[0]}")
            elif step == "Installing":
                _say("  installing all of them …")
    return process.returncode == 0


def _continue_inside() -> int:
    """Continue in the environment, in the caller's folder (paths are the caller's)."""
    command = [str(PYTHON), "-m", "devstack.commands", *sys.argv[1:]]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1"}
    if os.name != "nt":
        os.execve(PYTHON, command, env)  # the same process: whoever ends it ends the command itself
    # Windows has no exec: the command ends when the pipe to it does, and Ctrl-C reaches it directly.
    env["ITEM_PICTURE_SYNC_LIFELINE"] = "1"
    with subprocess.Popen(command, env=env, stdin=subprocess.PIPE) as process:
        while True:
            try:
                return process.wait()
            except KeyboardInterrupt:
                continue


def _clean() -> int:
    """Remove what the other commands made: the environment, Azurite, reports, caches."""
    for path in (
        VENV,
        ROOT / ".local",
        *(ROOT / f".{tool}_cache" for tool in ("mypy", "pytest", "ruff")),
        ROOT / ".hypothesis",
    ):
        if path.exists():
            _say(f"Removing {path.relative_to(ROOT)}")
            shutil.rmtree(path)
    for path in [found for found in ROOT.rglob("__pycache__") if found.is_dir()]:
        shutil.rmtree(path)
    return 0


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    # A shell without job control starts background programs with SIGINT ignored, and what is ignored stays so.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
