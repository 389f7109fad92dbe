"""Runs ``item-pictures`` as an operator does, against the local stack."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import chdir, contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from devstack.machine.setup import ROOT
from devstack.stack import Stack
from operate import cli


@dataclass(frozen=True)
class Ended:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> Any:
        """The result for programs."""
        return json.loads(self.out)

    @property
    def words(self) -> str:
        """What people read, without the breaks of its lines."""
        return " ".join(self.out.split())

    @property
    def states(self) -> dict[str, str]:
        """The state of each file, from the result for programs."""
        return {row["file"]: row["state"] for row in self.document["files"]}


@dataclass(frozen=True)
class Operator:
    """Runs commands in a folder of its own; ``config`` says where everything is."""

    config: Path
    folder: Path

    def start(self, *arguments: str | Path, **environment: str) -> subprocess.Popen[str]:
        """Start a command without a terminal."""
        return subprocess.Popen(
            self._command(arguments),
            cwd=self.folder,
            env=self._environment(environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )

    def run(self, *arguments: str | Path, columns: int = 80) -> Ended:
        """Run a command to its end, in this process: a program of its own takes seconds to begin."""
        out, err = io.StringIO(), io.StringIO()
        words = ["--config", str(self.config), *map(str, arguments)]
        with chdir(self.folder), redirect_stdout(out), redirect_stderr(err), pytest.MonkeyPatch.context() as patch:
            patch.setenv("COLUMNS", str(columns))
            with pytest.raises(SystemExit) as ended:
                cli.main(words)
        return Ended(int(ended.value.code or 0), out.getvalue(), err.getvalue())

    def asked(self, *arguments: str | Path) -> Any:
        """Return the document of a command that has nothing to complain about."""
        ended = self.run("--json", *arguments)
        assert ended.code == 0, ended.out + ended.err
        return ended.document

    def configure(self, **changes: Any) -> None:
        """Replace parts of the installation that ``config`` describes."""
        document = json.loads(self.config.read_text(encoding="utf-8"))
        installation = document.get("installation", document)
        self.config.write_text(json.dumps({**installation, **changes}), encoding="utf-8")

    def _command(self, arguments: tuple[str | Path, ...]) -> list[str]:
        return [sys.executable, "-m", "operate.cli", "--config", str(self.config), *map(str, arguments)]

    @staticmethod
    def _environment(more: Mapping[str, str]) -> dict[str, str]:
        own = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "NO_COLOR", "FORCE_COLOR")}
        return {**own, "PYTHONPATH": str(ROOT), "NO_PROXY": "*", "PYTHONUTF8": "1", **more}


@contextmanager
def operator_of(running: Stack, folder: Path, storage: str | None = None) -> Iterator[Operator]:
    """Yield an operator of this stack; ``storage`` is another connection string, for instance a proxy's."""
    config = folder / "endpoints.json"
    running.endpoints.write(config)
    if storage:
        document = json.loads(config.read_text(encoding="utf-8"))
        document["installation"]["local"]["storageConnectionString"] = storage
        config.write_text(json.dumps(document), encoding="utf-8")
    yield Operator(config, folder)
