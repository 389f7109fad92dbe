"""Renders in a separate process, like a worker in Azure, and measures cost, output and survival.

``Worker`` is the parent's end; this module is also the child's program. The child turns Python's warnings into errors,
except those that the app itself ignores: pytest's own filters would precede the app's.
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
CPU_SECONDS = 10  # of processor time for one file; elapsed time would depend on how busy the machine is
PATIENCE = 120  # seconds of elapsed time, after which a worker that waits for something is killed
MEMORY = 3 * 1024**3  # bytes of address space


@dataclass(frozen=True)
class Verdict:
    """Holds the result of one file: ``outcome`` is ``picture``, the reason, or ``bug``, ``slow`` or ``crash``.

    ``memory`` is the peak in bytes above the memory held before, ``cpu`` is in seconds, ``output`` is whatever the
    process wrote.
    """

    outcome: str
    detail: str = ""
    cpu: float = 0
    memory: int = 0
    output: str = ""
    content: bytes = b""

    @property
    def is_expected(self) -> bool:
        return self.outcome in ("picture", "too_large", "not_an_image") and not self.output

    def __str__(self) -> str:
        text = f"{self.outcome} {self.detail} ({self.cpu:.2f} s, {self.memory / 1024**2:.0f} MiB)"
        return f"{text}\noutput: {self.output}" if self.output else text


class Worker:
    """Renders files one after the other in a process that is restarted when a file ends it."""

    def __init__(self, max_pixels: int | None = None) -> None:
        self._max_pixels = max_pixels
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - closed by __exit__
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()
        self._output.close()

    def render(self, source: bytes) -> Verdict:
        process = self._process or self._start()
        start = self._output.seek(0, os.SEEK_END)
        assert process.stdin
        assert process.stdout
        try:
            process.stdin.write(len(source).to_bytes(8) + source)
            process.stdin.flush()
            answer = process.stdout.readline()
        except BrokenPipeError:
            answer = b""
        verdict = Verdict(**_decoded(answer)) if answer else self._verdict_of_death(process)
        self._output.seek(start)
        return replace(verdict, output=self._output.read().decode(errors="replace"))

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
            command, cwd=ROOT, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._output
        )
        return self._process

    def _verdict_of_death(self, process: subprocess.Popen[bytes]) -> Verdict:
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
    import logging  # noqa: PLC0415 - only the child needs these
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

    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # resets the peak to the current memory
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
    except BaseException as error:  # noqa: BLE001 - tests search for any other exception
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
