"""Runs item-pictures as its console script does, in this process, and keeps what it printed."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest

from devstack.stack import Stack
from operate import cli


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The one JSON document that ``--json`` prints."""
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """What people read, without the breaks of its lines."""
        return " ".join(self.out.split())


class Operator:
    """Runs commands against one installation."""

    def __init__(self, config: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
        self.config, self._capsys, self._monkeypatch = config, capsys, monkeypatch
        self.widen(80)

    def widen(self, columns: int) -> None:
        """Let the terminal have so many columns."""
        self._monkeypatch.setenv("COLUMNS", str(columns))

    def __call__(self, *arguments: str) -> Ended:
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            cli.main(["--config", str(self.config), *arguments])
        printed = self._capsys.readouterr()
        code = ended.value.code
        assert isinstance(code, int | None)
        return Ended(code or 0, printed.out, printed.err)

    def asked(self, *arguments: str) -> Any:
        """Return the document of a command that found nothing to complain about."""
        ended = self("--json", *arguments)
        assert ended.code == 0, ended.err
        return ended.document


def write_config(running: Stack, folder: Path, **changes: Any) -> Path:
    """Write what --config reads for a running stack; ``changes`` replace parts of the installation."""
    path = folder / "installation.json"
    installation: dict[str, Any] = asdict(running.endpoints)["installation"]
    path.write_text(json.dumps({**installation, **changes}), encoding="utf-8")
    return path
