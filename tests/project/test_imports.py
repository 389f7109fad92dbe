"""Modules import only downwards, and what has no business outside the process reaches no I/O, by no detour.

Every rule goes by folder. ``shared/`` has rooms (its folders) and a ground floor: the modules beside the rooms that
import none of them. A room imports itself and the ground floor; the other modules tell the story and may import rooms.
"""

import ast
import shutil
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PICTURES = "shared.pictures"
# What a module without I/O may import; anything else is a decision to take here.
ALLOWED = {
    "PIL", "collections", "contextlib", "dataclasses", "datetime", "enum", "functools", "hashlib", "http", "io",
    "ipaddress", "itertools", "json", "math", "pillow_heif", "re", "shared", "struct", "threading", "typing",
    "unicodedata", "urllib", "uuid", "zlib",
}  # fmt: skip
ALLOWED_IF_NOT_PURE = ALLOWED | {"ctypes", "logging", "warnings"}
FORBIDDEN_PARTS = {"http.client", "http.server", "urllib.request"}
NEVER_LOADED = {"azure", "requests", "socket", "ssl", "urllib3"}
OUTWARD_CALLS = {"open", "print", "input", "exec", "eval", "__import__"}
OUTWARD_METHODS = {"now", "today", "utcnow", "uuid1", "uuid4", "read_text", "write_text", "urlopen"}

# The app, and what may be installed without the rest of the project.
OF_THE_PROJECT = {"devstack", "function_app", "infra", "operate", "shared", "tests"}
APART = {"shared": {"shared"}, "function_app.py": {"shared"}, "operate": {"operate", "shared"}}

Trees = dict[str, ast.Module]


def parsed(root: Path) -> Trees:
    """Return every module of ``shared/`` below ``root``, by its full name."""
    trees = {
        ".".join(path.relative_to(root).with_suffix("").parts): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted((root / "shared").rglob("*.py"))
        if path.name != "__init__.py"
    }
    assert trees, f"{root} has no modules to check"
    return trees


def imported(tree: ast.Module) -> set[str]:
    """Return the full names of everything that a module imports, wherever in the file."""
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            names |= {str(node.module), *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names


def room_of(module: str) -> str | None:
    return module.rpartition(".")[0] if module.count(".") > 1 else None


def reached(module: str, graph: dict[str, set[str]]) -> set[str]:
    """Return every module of ours that ``module`` imports, directly or not."""
    found: set[str] = set()
    todo = [module]
    while todo:
        new = graph[todo.pop()] - found
        found |= new
        todo += new
    return found


def upward_imports(trees: Trees) -> list[str]:
    """Return each import by which a room reaches another room, or the story above it."""
    graph = {module: imported(tree) & trees.keys() for module, tree in trees.items()}
    ground = {m for m in trees if not room_of(m) and not any(room_of(other) for other in reached(m, graph))}
    in_rooms = [module for module in trees if room_of(module)]
    assert ground, "there is no ground floor"
    assert in_rooms, "there are no rooms"
    return [
        f"{module} imports {other}"
        for module in in_rooms
        for other in sorted(graph[module])
        if room_of(other) != room_of(module)
        and (other not in ground or (room_of(module) == PICTURES and other != "shared.errors"))
    ]


def says_pure(tree: ast.Module) -> bool:
    return "Pure" in (ast.get_docstring(tree) or "").partition("\n\n")[0]


def without_io(trees: Trees) -> Trees:
    """Return the modules that may reach no I/O: all of ``pictures/``, and whatever calls itself pure."""
    guarded = {m: tree for m, tree in trees.items() if room_of(m) == PICTURES or says_pure(tree)}
    assert {room_of(module) for module in guarded} >= {None, PICTURES}, "the pure modules are gone"
    return guarded


def io_imports(trees: Trees) -> list[str]:
    """Return each import by which a module without I/O could reach some."""
    guarded = without_io(trees)
    found = []
    for module, tree in guarded.items():
        names = imported(tree)
        allowed = ALLOWED if says_pure(tree) else ALLOWED_IF_NOT_PURE
        found += [f"{module} imports {name}" for name in names if name.partition(".")[0] not in allowed]
        found += [f"{module} imports {name}" for name in names & FORBIDDEN_PARTS]
        ours = guarded if says_pure(tree) else trees
        found += [f"{module} imports {name}" for name in (names & trees.keys()) - ours.keys()]
    return found


def outward_calls(trees: Trees) -> list[str]:
    """Return each call by which a module without I/O opens something, or asks a clock."""
    found = []
    for module, tree in without_io(trees).items():
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                function = node.func
                if isinstance(function, ast.Name) and function.id in OUTWARD_CALLS:
                    found.append(f"{module}, line {node.lineno}: {function.id}()")
                if isinstance(function, ast.Attribute) and function.attr in OUTWARD_METHODS:
                    found.append(f"{module}, line {node.lineno}: .{function.attr}()")
    return found


RULES = (upward_imports, io_imports, outward_calls)


@pytest.mark.parametrize("rule", RULES)
def test_the_code_keeps_the_rule(rule: object) -> None:
    assert rule(parsed(ROOT)) == []  # type: ignore[operator]


def test_no_modules_import_each_other_in_a_circle() -> None:
    trees = parsed(ROOT)
    graph = {module: imported(tree) & trees.keys() for module, tree in trees.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


@pytest.mark.parametrize(
    ("rule", "module", "line"),
    [
        (upward_imports, "storage/uploads", "from shared.config import Settings"),
        (upward_imports, "storage/records", "from shared import placement"),
        (upward_imports, "storage/names", "import shared.business_central.client"),
        (upward_imports, "business_central/client", "from shared.storage.uploads import Source"),
        (upward_imports, "business_central/http", "def f():\n    from shared import wiring"),
        (upward_imports, "pictures/render", "from shared import paths"),
        (upward_imports, "pictures/newly_added", "from shared.report import Report"),
        (upward_imports, "new_room/module", "from shared.pictures import render"),
        (io_imports, "pictures/newly_added", "import os"),
        (io_imports, "pictures/render", "from pathlib import Path"),
        (io_imports, "pictures/pillow_logging", "import subprocess"),
        (io_imports, "paths", "from urllib.request import urlopen"),
        (io_imports, "paths", "from shared import report"),
        (io_imports, "item_record", "from azure.core import MatchConditions"),
        (io_imports, "storage/names", "from shared.storage import errors"),
        (outward_calls, "pictures/encoding", "open('x')"),
        (outward_calls, "item_record", "datetime.now()"),
    ],
)
def test_a_planted_breach_is_found(rule: object, module: str, line: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "shared", tmp_path / "shared")
    path = tmp_path / "shared" / f"{module}.py"
    path.parent.mkdir(exist_ok=True)
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    found = rule(parsed(tmp_path))  # type: ignore[operator]
    assert {breach.split()[0].rstrip(",") for breach in found} == {f"shared.{module.replace('/', '.')}"}


@pytest.mark.parametrize("rule", RULES)
def test_a_rule_does_not_pass_where_it_finds_nothing_to_check(rule: object, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    with pytest.raises(AssertionError):
        rule(parsed(tmp_path))  # type: ignore[operator]
    (tmp_path / "shared" / "lonely.py").write_text('"""Says nothing."""\n', encoding="utf-8")
    with pytest.raises(AssertionError):
        rule(parsed(tmp_path))  # type: ignore[operator]


def loaded_by(*modules: str) -> set[str]:
    """Return what a new process has loaded once it has imported these modules."""
    code = f"import sys; import {', '.join(modules)}; print(*sys.modules, sep='\\n')"
    run = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(run.stdout.split())


def foreign_imports(root: Path, part: str) -> list[str]:
    """Return each import by which a part of the project reaches another one that is not there when it is deployed."""
    path = root / part
    files = sorted(path.rglob("*.py")) if path.is_dir() else [path]
    assert len(files) >= (2 if path.is_dir() else 1), f"{part} has no modules to check"
    return [
        f"{file.relative_to(root).as_posix()} imports {name}"
        for file in files
        for name in sorted(imported(ast.parse(file.read_text(encoding="utf-8"))))
        if name.partition(".")[0] in OF_THE_PROJECT - APART[part]
    ]


@pytest.mark.parametrize("part", APART)
def test_the_app_and_the_operators_commands_stand_alone(part: str) -> None:
    assert foreign_imports(ROOT, part) == []


@pytest.mark.parametrize(
    ("part", "file", "line"),
    [
        ("shared", "shared/wiring.py", "from operate import manifest"),
        ("shared", "shared/storage/names.py", "import devstack.stack"),
        ("function_app.py", "function_app.py", "def f():\n    from operate.cli import main"),
        ("operate", "operate/backfill/run.py", "from devstack import terminal"),
        ("operate", "operate/cli.py", "import tests.support"),
    ],
)
def test_a_part_that_leans_on_another_is_found(part: str, file: str, line: str, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "shared", tmp_path / "shared")
    shutil.copytree(ROOT / "operate", tmp_path / "operate")
    shutil.copy(ROOT / "function_app.py", tmp_path)
    with (tmp_path / file).open("a", encoding="utf-8") as source:
        source.write(f"\n{line}\n")
    assert {found.split()[0] for found in foreign_imports(tmp_path, part)} == {file}


def test_modules_without_io_load_no_client_library() -> None:
    guarded = without_io(parsed(ROOT)).keys()
    loaded = loaded_by(*guarded)
    assert guarded <= loaded
    assert not loaded & NEVER_LOADED


def test_reading_the_settings_loads_no_image_code() -> None:
    loaded = loaded_by("shared.config")
    assert "shared.config" in loaded
    assert not {"PIL", "shared.pictures.render"} & loaded
