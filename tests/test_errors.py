"""Every failure has a reason of its own kind: what becomes of an upload and what we tell about it never disagree."""

import ast
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from devstack.machine.setup import ROOT
from shared.errors import Failure, Kind, Permanent, Reason, Superseded, Transient, Waiting

FAILURES = [Transient, Permanent, Waiting, Superseded]
BY_NAME = {failure.__name__: failure for failure in FAILURES}


def test_every_reason_has_a_kind_and_every_kind_has_a_failure() -> None:
    assert list(Reason)
    assert {reason.kind for reason in Reason} == set(Kind)
    assert [failure.kind for failure in FAILURES] == [Kind.TRANSIENT, Kind.PERMANENT, Kind.WAITING, Kind.SUPERSEDED]
    assert {failure.__name__ for failure in Failure.__subclasses__()} == set(BY_NAME)


def test_a_reason_is_its_word() -> None:
    assert all(reason == reason.value == reason.name.lower() == Reason(reason.value) for reason in Reason)


@pytest.mark.parametrize(
    ("failure", "reason"), list(product(FAILURES, Reason)), ids=lambda each: getattr(each, "__name__", str(each))
)
def test_a_failure_accepts_only_reasons_of_its_kind(failure: type[Failure], reason: Reason) -> None:
    if reason.kind is failure.kind:
        raised = failure(reason, "What to do.")
        assert (raised.reason, raised.detail, str(raised)) == (reason, "What to do.", f"{reason}: What to do.")
    else:
        with pytest.raises(ValueError, match=f"{failure.__name__} .*{reason}.*{reason.kind.name}"):
            failure(reason, "What to do.")


# --- failures as the code writes them ----------------------------------------------------------------------------


def failures_in(tree: ast.Module) -> Iterator[tuple[type[Failure], Reason]]:
    """Yield every ``Transient(Reason.X, …)`` and the like; a reason in a variable is checked when it is raised."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Name(id=name),
                args=[ast.Attribute(value=ast.Name(id="Reason"), attr=reason), *_],
            ) if name in BY_NAME:
                yield BY_NAME[name], Reason[reason]


def mismatches(folder: Path) -> list[str]:
    """Return every failure written in the folder's modules whose reason is of another kind."""
    modules = sorted(folder.rglob("*.py"))
    written = [(path, call) for path in modules for call in failures_in(ast.parse(path.read_text(encoding="utf-8")))]
    assert written, f"{folder} has no failures to check"
    return [
        f"{path.relative_to(folder)}: {failure.__name__}({reason})"
        for path, (failure, reason) in written
        if reason.kind is not failure.kind
    ]


def test_every_failure_in_the_code_names_a_reason_of_its_kind() -> None:
    assert mismatches(ROOT / "shared") == []


def test_every_kind_of_failure_is_found_in_the_code() -> None:
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in (ROOT / "shared").rglob("*.py")]
    assert {failure for tree in trees for failure, _ in failures_in(tree)} == set(FAILURES)


@pytest.mark.parametrize(
    "call", ['Transient(Reason.BAD_PATH, "…")', 'Permanent(Reason.STORAGE, "…")', "Waiting(Reason.SOURCE_GONE, detail)"]
)
def test_a_reason_of_another_kind_is_found(tmp_path: Path, call: str) -> None:
    room = tmp_path / "room"
    room.mkdir()
    (tmp_path / "right.py").write_text('raise Transient(Reason.STORAGE, "…")\n', encoding="utf-8")
    (room / "wrong.py").write_text(f"def fail(detail):\n    return {call}\n", encoding="utf-8")
    failure, reason = call.partition("(")[0], Reason[call.partition("Reason.")[2].partition(",")[0]]
    assert mismatches(tmp_path) == [f"{Path('room', 'wrong.py')}: {failure}({reason})"]


def test_a_folder_without_failures_does_not_pass(tmp_path: Path) -> None:
    (tmp_path / "empty.py").write_text('"""Nothing."""\n', encoding="utf-8")
    with pytest.raises(AssertionError, match="no failures to check"):
        mismatches(tmp_path)
