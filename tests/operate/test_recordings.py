"""The pictures in docs/operating.md are what the commands print."""

from pathlib import Path

from devstack.machine.setup import ROOT
from tests.support.local_stack import LocalStack
from tests.support.operator_recordings import record


def test_the_documents_show_what_the_commands_print(local: LocalStack, tmp_path: Path) -> None:
    recordings = record(local, tmp_path)
    document = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    assert len(recordings) >= 3
    for name, svg in recordings.items():
        assert f"({name})" in document
        assert (ROOT / "docs" / name).read_text(encoding="utf-8") == svg
        assert "http" not in svg.replace("http://www.w3.org/2000/svg", "")
