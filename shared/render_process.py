"""Renders in a child process with limits of its own, so that a file that kills its decoder kills nothing else.

Only the sweep does this: it has time, and it is the one that names such a file. The parent's end; the child is
``shared/render_child.py``.
"""

import base64
import json
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import Lock, Timer
from types import TracebackType
from typing import Any, Self

from shared import errors
from shared.errors import Failure, Permanent, Reason, Transient
from shared.pictures.memory import MemoryBudget
from shared.pictures.render import Picture
from shared.pictures.rendition import Rendition, SourceLimits

_ROOT = Path(__file__).parents[1]
CHILD = (sys.executable, "-m", "shared.render_child")
_KEPT = ("PATH", "LD_LIBRARY_PATH", "SYSTEMROOT", "TMPDIR", "TEMP")  # no setting, and no token, reaches the child
_END_SECONDS = 5  # for a child whose pipe has closed
_HEADER_MAX = 64 * 1024  # bytes
# What a decoder dies of by itself. KILL and TERM come from outside: memory ran out, or the instance is going away.
_OWN_DEATHS = {f"SIG{name}" for name in ("SEGV", "ABRT", "BUS", "ILL", "FPE", "XCPU")}


@dataclass(frozen=True)
class ChildLimits:
    """Limits one picture: seconds of processor time (on Linux), and of time."""

    cpu: int = 60
    seconds: float = 120.0


class _Died(Exception):
    """The picture made the child die, or exceed its memory; the message says of what."""


class RenderProcesses:
    """Renders in child processes, one picture at a time in each, and ends them with the ``with`` block.

    Safe to use from threads. Children are started as needed and reused, until one dies of a picture: what it rendered
    before may have damaged it, so only a new child's death counts. All renders together keep to ``memory`` bytes.
    """

    def __init__(
        self,
        rendition: Rendition,
        limits: SourceLimits,
        memory: int,
        child_limits: ChildLimits | None = None,
        command: Sequence[str] = CHILD,
    ) -> None:
        self._budget, self._child_limits, self._command = MemoryBudget(memory), child_limits or ChildLimits(), command
        self._setup = {
            "rendition": asdict(rendition),
            "limits": asdict(limits),
            "memory": memory,
            "cpu": self._child_limits.cpu,
        }
        self._idle: list[_Child] = []
        self._lock = Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        self._end_idle()

    def __call__(self, content: bytes) -> Picture:
        """Return the picture for BC, as ``Renderer`` does.

        Raises:
            Permanent: also ``crashes_worker``: a child died of this picture, then a new one, and of a plain picture a
                new one does not.
            Transient: ``render_interrupted``: the child was ended from outside, took too long, or dies of any picture.
        """
        try:
            return self._attempt(content)
        except _Died:
            pass  # once more with the whole memory, and nobody beside it
        with self._budget.reserve(self._budget.size):
            try:
                return self._attempt(content, alone=True)
            except _Died as death:
                self._prove_child(death)
                raise Permanent(Reason.CRASHES_WORKER, _CRASHES.format(death)) from death

    def _prove_child(self, death: _Died) -> None:
        """Raise if a new child dies of a plain picture too: then the deployment is to blame, and no upload."""
        try:
            self._attempt(_PLAIN, alone=True)
        except _Died as again:
            raise Transient(Reason.RENDER_INTERRUPTED, _DIES_OF_ALL.format(death, again)) from again

    def _attempt(self, content: bytes, *, alone: bool = False) -> Picture:
        """Render in one child; ``alone``: in a new one, for which the caller has reserved the whole memory."""
        if alone:
            self._end_idle()  # they hold memory, and may be as damaged as the one that died
            child = _Child(self._command, self._setup)
        else:
            child = self._idle_child() or _Child(self._command, self._setup)
        try:
            answer, body = child.ask(content, self._budget, self._child_limits.seconds, alone=alone)
        except BaseException:
            child.end()
            raise
        with self._lock:
            self._idle.append(child)
        if failure := answer.get("failure"):
            raise _failure(failure)
        return Picture(body, **answer["picture"])

    def _idle_child(self) -> "_Child | None":
        with self._lock:
            return self._idle.pop() if self._idle else None

    def _end_idle(self) -> None:
        with self._lock:
            children, self._idle = self._idle, []
        for child in children:
            child.end()


class _Child:
    """One child process; whoever asks it must not share it."""

    def __init__(self, command: Sequence[str], setup: Mapping[str, Any]) -> None:
        paths = [str(_ROOT), *(path for path in sys.path if path)]
        environment = {name: os.environ[name] for name in _KEPT if name in os.environ}
        self._process = subprocess.Popen(  # noqa: S603 - our own program
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,  # decoders write what a file says, and much of it
            cwd=_ROOT,
            env={**environment, "PYTHONPATH": os.pathsep.join(paths), "PYTHONDONTWRITEBYTECODE": "1"},
        )
        self._setup: Mapping[str, Any] | None = setup
        self._was_killed = False

    def ask(self, content: bytes, budget: MemoryBudget, seconds: float, *, alone: bool) -> tuple[dict[str, Any], bytes]:
        """Return the child's answer, a header and a picture's bytes.

        Raises:
            _Died, or Transient: the child has ended.
        """
        timer = Timer(seconds, self._kill)
        timer.start()
        try:
            if self._setup:
                self._send(self._setup)
                self._setup = None
            self._send({"size": len(content), "alone": alone}, content)
            answer = self._receive()
            if "reserve" not in answer:
                return answer, self._read(answer.get("size", 0))
            timer.cancel()  # waiting for memory is no fault of this picture
            with budget.reserve(answer["reserve"]):
                timer = Timer(seconds, self._kill)
                timer.start()
                self._send({})
                answer = self._receive()
                return answer, self._read(answer.get("size", 0))
        except (OSError, EOFError, ValueError) as error:
            raise self._death(seconds) from error
        finally:
            timer.cancel()

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe:
                with suppress(OSError):  # closing would send what the child has not read
                    pipe.close()

    def _kill(self) -> None:
        self._was_killed = True
        self._process.kill()

    def _death(self, seconds: float) -> Exception:
        """Return what the end of the child means for the picture."""
        try:
            code = self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            return RuntimeError("The process that renders answered with something else than an answer.")
        if self._was_killed:
            return Transient(Reason.RENDER_INTERRUPTED, f"Rendering took longer than {seconds:.0f} seconds.")
        name = signal.Signals(-code).name if code < 0 else ""
        if name in _OWN_DEATHS:
            return _Died(name)
        return Transient(Reason.RENDER_INTERRUPTED, f"The process that renders ended: {name or f'exit code {code}'}.")

    def _send(self, header: Mapping[str, Any], body: bytes = b"") -> None:
        text = json.dumps(header).encode()
        pipe = self._process.stdin
        assert pipe  # noqa: S101 - for the type checker
        pipe.write(len(text).to_bytes(4) + text + body)
        pipe.flush()

    def _receive(self) -> dict[str, Any]:
        size = int.from_bytes(self._read(4))
        if size > _HEADER_MAX:
            raise EOFError(f"a header of {size} bytes")
        header: dict[str, Any] = json.loads(self._read(size))
        if how := header.get("died"):
            raise _Died(str(how))
        if bug := header.get("bug"):
            raise RuntimeError(f"The process that renders failed: {bug}")
        return header

    def _read(self, size: int) -> bytes:
        pipe = self._process.stdout
        assert pipe  # noqa: S101 - for the type checker
        content = pipe.read(size)
        if len(content) < size:
            raise EOFError
        return content


def _failure(fields: Mapping[str, Any]) -> Failure:
    """Return the failure that the child raised."""
    if fields["ends_early"]:
        return errors.EndsEarly(fields["detail"])
    return Permanent(_REASONS[fields["reason"]], fields["detail"])


_PLAIN = base64.b64decode(  # 2 by 2 pixels, as PNG
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACCAIAAAD91JpzAAAAFklEQVR4nGNsaGhgYGBgYmBgYGBgAAASKgGEzwCOrgAAAABJRU5ErkJggg=="
)
_DIES_OF_ALL = (
    "The process that renders dies of this file ({}), and of a plain picture too ({}). Its packages or its limits do "
    "not fit this system: check the deployment, and RENDER_MEMORY."
)
_REASONS = {reason.value: reason for reason in Reason}
_CRASHES = (
    "Decoding this file ends the program that does it ({}), also with all memory that there is. Open it in an image "
    "editor, export it as a new JPEG or PNG, and upload that. If that ends the same way, tell the operator."
)
