"""Rendering in a process of its own, as a worker in Azure is: what it costs, what it says, and whether it lives.

The parent end is ``Worker``; this module is the child's program too. The child sees Python's warnings as errors, but
for those that the app itself ignores: pytest's own filters would stand before the app's.
"""

import base64
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Self

ROOT = Path(__file__).resolve().parents[2]
CPU_SECONDS = 10  # of the processor, for one file; what a busy machine takes by the clock says nothing
PATIENCE = 120  # seconds by the clock, after which a worker that waits for something is given up
MEMORY = 3 * 1024**3  # bytes of address space


@dataclass(frozen=True)
class Verdict:
    """What came of one file: ``outcome`` is ``picture``, the reason, or what should never happen.

    ``memory`` is how many bytes the peak lay above what the process held before, ``cpu`` in seconds.
    """

    outcome: str
    detail: str = ""
    cpu: float = 0
    memory: int = 0
    said: str = ""
    content: bytes = b""

    @property
    def is_expected(self) -> bool:
        return self.outcome in ("picture", "too_large", "not_an_image") and not self.said

    def __str__(self) -> str:
        words = f"{self.outcome} {self.detail} ({self.cpu:.2f} s, {self.memory / 1024**2:.0f} MB)"
        return f"{words}\nsaid: {self.said}" if self.said else words


class Worker:
    """A process that renders one file after the other, and is started again when one of them ended it."""

    def __init__(self, max_pixels: int | None = None) -> None:
        self._max_pixels = max_pixels
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._said.close()

    def render(self, source: bytes) -> Verdict:
        process = self._process or self._start()
        start = self._said.seek(0, os.SEEK_END)
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(len(source).to_bytes(8) + source)
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        verdict = Verdict(**_decoded(answer)) if answer else self._died(process)
        self._said.seek(start)
        return replace(verdict, said=self._said.read().decode(errors="replace"))

    def _start(self) -> subprocess.Popen[bytes]:
        command = [
            sys.executable,
            "-W",
            "error",
            "-m",
            "tests.support.render_process",
            str(self._max_pixels or ""),
        ]
        env = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONFAULTHANDLER": "1"}
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._said
        )
        return self._process

    def _died(self, process: subprocess.Popen[bytes]) -> Verdict:
        code = process.wait()
        self._end()
        name = signal.Signals(-code).name if code < 0 else str(code)
        return Verdict("slow" if name in ("SIGPROF", "SIGALRM") else "crash", f"the process ended with {name}")

    def _end(self) -> None:
        if self._process:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _decoded(answer: bytes) -> dict[str, Any]:
    fields = json.loads(answer)
    return {**fields, "content": base64.b64decode(fields["content"])}


def _main() -> None:
    import logging  # noqa: PLC0415 - what follows is the child's alone
    import resource  # noqa: PLC0415

    from shared.pictures.pillow_logging import silence_pillow  # noqa: PLC0415
    from shared.pictures.rendition import SourceLimits  # noqa: PLC0415

    silence_pillow()  # as the app does
    logging.basicConfig(level=logging.DEBUG)  # on standard error, where nothing may appear
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limits = SourceLimits(max_pixels=int(sys.argv[1])) if sys.argv[1] else SourceLimits()
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    while header := sys.stdin.buffer.read(8):
        verdict = _rendered(sys.stdin.buffer.read(int.from_bytes(header)), limits)
        fields = {**vars(verdict), "content": base64.b64encode(verdict.content).decode()}
        answers.write(json.dumps(fields).encode() + b"\n")
        answers.flush()


def _rendered(source: bytes, limits: Any) -> Verdict:
    from shared.errors import Permanent  # noqa: PLC0415
    from shared.pictures.render import render  # noqa: PLC0415

    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak is now what is held
    memory, started = _peak(), time.process_time()
    # Both signals end the process, whatever its C code is doing.
    signal.setitimer(signal.ITIMER_PROF, CPU_SECONDS)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE)
    content = b""
    try:
        content = render(source, limits=limits).content
        outcome, detail = "picture", ""
    except Permanent as failure:
        outcome, detail = str(failure.reason), failure.detail
    except BaseException as error:  # noqa: BLE001 - whatever else comes out is what is looked for
        outcome, detail = "bug", repr(error)
        import traceback  # noqa: PLC0415

        detail += "\n" + "".join(traceback.format_exception(error)[-3:])
    signal.setitimer(signal.ITIMER_PROF, 0)
    signal.setitimer(signal.ITIMER_REAL, 0)
    return Verdict(outcome, detail, time.process_time() - started, _peak() - memory, content=content)


def _peak() -> int:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024


if __name__ == "__main__":
    _main()
