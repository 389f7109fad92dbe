"""The modules that say "Pure." reach no network, no file, no clock and no environment, by no detour."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PURE = (
    "colours",
    "config",
    "damage",
    "encoding",
    "errors",
    "exif",
    "frames",
    "icc",
    "imaging",
    "inks",
    "item_record",
    "jpeg_segments",
    "memory",
    "naming",
    "odata",
    "png_chunks",
    "resampling",
    "sources",
    "untagged",
)
# What a pure module may name; anything else is a decision to be taken here.
ALLOWED = {
    "PIL",
    "collections",
    "contextlib",
    "dataclasses",
    "datetime",
    "enum",
    "functools",
    "hashlib",
    "http",
    "io",
    "ipaddress",
    "itertools",
    "json",
    "math",
    "pillow_heif",
    "re",
    "shared",
    "struct",
    "threading",
    "typing",
    "unicodedata",
    "urllib",
    "uuid",
    "zlib",
}
NEVER_LOADED = ("azure", "requests", "socket", "ssl", "urllib3")
OUTWARD_CALLS = {"open", "print", "input", "exec", "eval", "__import__"}
OUTWARD_METHODS = {"now", "today", "utcnow", "uuid1", "uuid4", "read_text", "write_text", "urlopen"}


def tree(module: str) -> ast.Module:
    return ast.parse((ROOT / "shared" / f"{module}.py").read_text(encoding="utf-8"))


def imported(module: str) -> set[str]:
    """Return the full names of all modules that ``module`` imports, wherever in the file."""
    found: set[str] = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            name = str(node.module)
            found |= {f"{name}.{alias.name}" for alias in node.names} if name == "shared" else {name}
    return found


def test_every_module_that_calls_itself_pure_is_held_to_it() -> None:
    named = [path.stem for path in (ROOT / "shared").glob("*.py")]
    says_so = {m for m in named if "Pure" in (ast.get_docstring(tree(m)) or "").partition("\n\n")[0]}
    assert set(PURE) == says_so


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_imports_nothing_that_reaches_out(module: str) -> None:
    names = imported(module)
    assert {name.partition(".")[0] for name in names} <= ALLOWED
    assert not names & {"http.client", "http.server", "urllib.request"}
    assert {name for name in names if name.startswith("shared.")} <= {f"shared.{pure}" for pure in PURE}


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_opens_nothing_and_asks_no_clock(module: str) -> None:
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Call):
            if isinstance(node.func, ast.Name):
                assert node.func.id not in OUTWARD_CALLS, f"line {node.lineno}"
            if isinstance(node.func, ast.Attribute):
                assert node.func.attr not in OUTWARD_METHODS, f"line {node.lineno}"


def test_importing_them_all_loads_no_client_library() -> None:
    imports = "; ".join(f"import shared.{module}" for module in PURE)
    code = f"import sys; {imports}; print(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    loaded = set(run.stdout.split())
    assert {f"shared.{module}" for module in PURE} <= loaded
    assert {name for name in loaded if name.startswith("shared.")} == {f"shared.{module}" for module in PURE}
    assert not loaded & set(NEVER_LOADED)
