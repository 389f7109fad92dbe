"""Packs the app with its packages for Azure, from any system: Linux x64, CPython 3.13.

Leaves both forms below .local: the folder ``package``, which azd deploys, and the same as ``item-picture-sync.zip``,
for ``upload_package.py``.
"""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import uv

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / ".local" / "package"
ZIP = ROOT / ".local" / "item-picture-sync.zip"
# The app loads no other file of its own. A pattern names what goes to Azure, so that whatever else lies in the folder
# stays at home: a .env, a key, an editor's backup.
APP = ("function_app.py", "host.json", "requirements.txt", "shared/**/*.py")
PACKAGES = Path(".python_packages", "lib", "site-packages")  # where the worker looks for them
# uv and not pip: pip reads "python_version" in requirements as that of the Python it runs in.
_TARGET = ("--python-version", "3.13", "--python-platform", "x86_64-manylinux_2_28", "--only-binary", ":all:")
_MIB = 1024 * 1024
_UNIX, _FILE = 3, 0o100644 << 16  # a plain file that everybody may read, whatever the system it was packed on
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the same content gives the same zip


def main() -> None:
    """Pack the app; a failure leaves the earlier package as it was."""
    partial = FOLDER.with_name("package.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    try:
        _copy_app(partial)
        _install_packages(partial / PACKAGES)
        shutil.rmtree(FOLDER, ignore_errors=True)
        partial.replace(FOLDER)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    _zip(FOLDER, ZIP)
    print(f"{ZIP}: {ZIP.stat().st_size / _MIB:.1f} MiB for Linux x64 and Python 3.13")


def _copy_app(folder: Path) -> None:
    for pattern in APP:
        for file in _plain_files(pattern):
            target = folder / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, target)


def _plain_files(pattern: str) -> list[Path]:
    """Return the files that a pattern finds, none of them hidden or a link, which may lead out of the project."""
    found = [file for file in ROOT.glob(pattern) if not _is_hidden(file) and not file.is_symlink() and file.is_file()]
    if not found:
        sys.exit(f"{ROOT} has no {pattern}. Nothing was packed.")
    return found


def _is_hidden(file: Path) -> bool:
    return any(part.startswith(".") for part in file.relative_to(ROOT).parts)


def _install_packages(folder: Path) -> None:
    command = [uv.find_uv_bin(), "pip", "install", "--python", sys.executable, "--target", str(folder), *_TARGET]
    quiet = ["--quiet", "--link-mode", "copy", "--system-certs", "--requirement", str(ROOT / "requirements.txt")]
    if subprocess.run([*command, *quiet], check=False).returncode:
        sys.exit("uv could not install the packages (see above). Nothing was packed.")
    # Programs for this machine's Python, and uv's own lock: of no use in Azure, and different on every machine.
    shutil.rmtree(folder / "bin", ignore_errors=True)
    (folder / ".lock").unlink(missing_ok=True)


def _zip(folder: Path, target: Path) -> None:
    partial = target.with_name(f"{target.name}.partial")
    with zipfile.ZipFile(partial, "w", zipfile.ZIP_DEFLATED) as archive:
        files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
        for name, path in sorted(files.items()):
            entry = zipfile.ZipInfo(name, _EPOCH)
            entry.create_system, entry.external_attr, entry.compress_type = _UNIX, _FILE, zipfile.ZIP_DEFLATED
            archive.writestr(entry, path.read_bytes())
    partial.replace(target)


if __name__ == "__main__":
    main()
