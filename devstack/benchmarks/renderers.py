"""Runs each renderer in its own process, so that memory and garbage of one do not burden another."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psutil

from devstack.benchmarks.results import NATIVE, TUNED
from devstack.machine import setup
from devstack.machine.children import ChildFailedError, clean_environment, own_group
from shared.pictures import allocator

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Command = tuple[str, ...]
OURS, SAMPLE, LIBVIPS, SHARP = NAMES = ("ours", "sample", "libvips", "sharp")
FINEST = "finest"  # ours, at the highest quality


class RefusedError(Exception):
    """A renderer refused a request; the message is its own."""


def in_python(name: str) -> Command:
    """Return the command that starts a renderer of ``renderer.py``."""
    return (sys.executable, "-m", "devstack.benchmarks.renderer", name)


def commands() -> dict[str, Command]:
    """Return the command of each renderer; sharp runs in Node. With glibc, the native tools also run tuned."""
    program = Path(__file__).with_name("sharp.js")
    usual = {name: in_python(name) for name in NAMES[:-1]} | {SHARP: (str(setup.node()), str(program))}
    return usual | {tuned: usual[native] for native, tuned in zip(NATIVE, TUNED, strict=True) if allocator.is_glibc()}


class Renderer:
    """A running renderer: one request, one answer. After a crash, the next request starts it again."""

    def __init__(
        self, name: str, command: Sequence[str], modules: Path | None = None, *, one_core: bool = False
    ) -> None:
        self.name, self._command, self._one_core = name, command, one_core
        settings = allocator.environment() if name in TUNED else {}
        self._env = clean_environment({"PYTHONPATH": str(setup.ROOT), "NODE_PATH": str(modules or ""), **settings})
        self._start()

    def _start(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - closed together with the process
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
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
        """Return the answer to the request ``what``.

        Raises:
            RefusedError: The renderer refused it, or crashed.
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
            raise RefusedError(self._last_output())
        answer: dict[str, Any] = json.loads(line)
        if "error" in answer:
            raise RefusedError(answer["error"])
        return answer

    def _last_output(self) -> str:
        code = self._process.wait()
        self._errors.seek(0)
        output = self._errors.read().decode(errors="replace").strip()[-500:]
        self._close()
        return f"it ended with code {code}" + (f"; last output: {output}" if output else "")

    def _close(self) -> None:
        for stream in (self._process.stdin, self._process.stdout, self._errors):
            if stream and not stream.closed:
                stream.close()

    def end(self) -> None:
        """End the process by closing its standard input."""
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
        """Return the process's peak growth in MB (10^6 bytes) while it renders; None if unknown."""
        pid = self._process.pid
        before = _peak_memory(pid) if _reset_peak_memory(pid) else psutil.Process(pid).memory_info().rss
        self.ask("render")
        after = _peak_memory(pid)
        return None if before is None or after is None else (after - before) / 1e6


def _keep_on_one_core(pid: int) -> None:
    """Confine a renderer's threads to one core: libwebp adds a thread regardless of libvips's and sharp's settings."""
    if hasattr(psutil.Process, "cpu_affinity"):  # not on macOS
        process = psutil.Process(pid)
        process.cpu_affinity([max(process.cpu_affinity())])


def _reset_peak_memory(pid: int) -> bool:
    """Reset the process's peak to its current memory; possible on Linux only (proc_pid_clear_refs(5))."""
    try:
        Path(f"/proc/{pid}/clear_refs").write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def _peak_memory(pid: int) -> int | None:
    """Return a process's peak memory in bytes; None on macOS, where only the process itself can read it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace")
    except OSError:
        peak: int | None = getattr(psutil.Process(pid).memory_info(), "peak_wset", None)  # Windows
        return peak
    return next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")), None)


@contextmanager
def running(
    commands: Mapping[str, Command], modules: Path | None = None, *, one_core: bool = False
) -> Iterator[dict[str, Renderer]]:
    """Run one process of each renderer."""
    with ExitStack() as ending:
        renderers: dict[str, Renderer] = {}
        for name, command in commands.items():
            renderers[name] = Renderer(name, command, modules, one_core=one_core)
            ending.callback(renderers[name].end)
        yield renderers
