"""The renderers that are compared: each a process of its own, so that neither memory nor garbage of one burdens another."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from devstack.machine import setup
from devstack.machine.children import ChildFailedError, clean_environment, own_group

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Command = tuple[str, ...]
OURS, SAMPLE, LIBVIPS, SHARP = NAMES = ("ours", "sample", "libvips", "sharp")
FINEST = "finest"  # ours, at the highest quality


class RefusedError(Exception):
    """A renderer could not do what was asked; the message says why in its own words."""


def in_python(name: str) -> Command:
    """Return what starts a renderer of ``renderer.py``."""
    return (sys.executable, "-m", "devstack.benchmarks.renderer", name)


def commands() -> dict[str, Command]:
    """Return what starts each renderer; sharp's answers come from Node."""
    program = Path(__file__).with_name("sharp.js")
    return {name: in_python(name) for name in NAMES[:-1]} | {SHARP: (str(setup.node()), str(program))}


class Renderer:
    """A renderer that runs: one request, one answer. After a crash it begins anew with the next request."""

    def __init__(
        self, name: str, command: Sequence[str], modules: Path | None = None, *, one_core: bool = False
    ) -> None:
        self.name, self._command, self._one_core = name, command, one_core
        self._env = clean_environment({"PYTHONPATH": str(setup.ROOT), "NODE_PATH": str(modules or "")})
        self._start()

    def _start(self) -> None:
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed together with the process
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            env=self._env,
            encoding="utf-8",
            **own_group(),
        )
        if self._one_core:
            _keep_on_one_core(self._process.pid)
        try:
            self._exchange({"do": "ready"})
        except RefusedError as error:
            raise ChildFailedError(f"The renderer {self.name} does not start: {error}") from None

    def ask(self, what: str, **details: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
        """Return the answer to one request.

        Raises:
            RefusedError: the renderer said why not, or crashed over it.
        """
        if self._process.poll() is not None:
            self._start()
        return self._exchange({"do": what, **details})

    def _exchange(self, request: dict[str, Any]) -> dict[str, Any]:
        assert self._process.stdin is not None  # noqa: S101 - for the type checker
        assert self._process.stdout is not None  # noqa: S101 - for the type checker
        try:
            print(json.dumps(request), file=self._process.stdin, flush=True)
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise RefusedError(self._last_words())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RefusedError(answer["error"])
        return answer

    def _last_words(self) -> str:
        code = self._process.wait()
        self._said.seek(0)
        said = self._said.read().decode(errors="replace").strip()[-500:]
        self._close()
        return f"it ended with code {code}" + (f" and said: {said}" if said else "")

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._said):
            if stream and not stream.closed:
                stream.close()

    def end(self) -> None:
        """End the process, by closing its standard input."""
        if self._process.poll() is None:
            assert self._process.stdin is not None  # noqa: S101 - for the type checker
            self._process.stdin.close()
            self._process.wait()
        self._close()

    def render(self, source: Path) -> bytes:
        """Return the rendition of a file."""
        self.ask("load", path=str(source))
        self.ask("render")
        return self.content()

    def content(self) -> bytes:
        """Return the last rendition."""
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, "rendition")
            self.ask("save", path=str(path))
            return path.read_bytes()

    def peak(self) -> float | None:
        """Return by how many MB (10^6 bytes) the process grows at most while it renders; None where that is unknown."""
        pid = self._process.pid
        before = _most_memory(pid) if _forget_most_memory(pid) else psutil.Process(pid).memory_info().rss
        self.ask("render")
        after = _most_memory(pid)
        return None if before is None or after is None else (after - before) / 1e6


def _keep_on_one_core(pid: int) -> None:
    """Let all threads of a renderer share one core: libwebp starts a second one, whatever libvips and sharp are told."""
    if hasattr(psutil.Process, "cpu_affinity"):  # not on macOS
        process = psutil.Process(pid)
        process.cpu_affinity([max(process.cpu_affinity())])


def _forget_most_memory(pid: int) -> bool:
    """Set the high-water mark back to what the process has now; only Linux can (proc_pid_clear_refs(5))."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _most_memory(pid: int) -> int | None:
    """Return the most bytes that a process has had in memory; macOS tells nobody but the process itself."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        peak: int | None = getattr(psutil.Process(pid).memory_info(), "peak_wset", None)  # Windows
        return peak
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), None)


@contextmanager
def running(
    started_by: Mapping[str, Command], modules: Path | None = None, *, one_core: bool = False
) -> Iterator[dict[str, Renderer]]:
    """Keep one process of each renderer."""
    with ExitStack() as ending:
        renderers: dict[str, Renderer] = {}
        for name, command in started_by.items():
            renderers[name] = Renderer(name, command, modules, one_core=one_core)
            ending.callback(renderers[name].end)
        yield renderers
