"""status shows the item's picture in a terminal, by what that terminal says that it has; anywhere else none."""

import contextlib
import os
import re
import select
import struct
import subprocess
import sys
import time

import pytest

from devstack.machine.setup import ROOT
from tests.operate.command import Operator
from tests.support.item_pictures import BLUE, upload
from tests.support.local_stack import LocalStack

with contextlib.suppress(ImportError):  # Unix has them
    import fcntl
    import termios

pytestmark = pytest.mark.skipif(os.name == "nt", reason="a terminal to answer for is made by Unix's means")

SIXEL = re.compile(rb"\x1bP[0-9;]*q")
SECONDS = 60


class Terminal:
    """Runs the command in a terminal that answers its questions; ``attributes`` is what it says that it has."""

    def __init__(
        self,
        operator: Operator,
        attributes: bytes,
        *,
        has_kitty: bool = False,
        term: str = "xterm-256color",
        has_size: bool = True,
    ) -> None:
        self._operator, self._attributes, self._has_kitty, self._term = operator, attributes, has_kitty, term
        self._has_size = has_size

    def run(self, *arguments: str) -> bytes:
        """Return everything that the command wrote."""
        ours, theirs = os.openpty()
        if self._has_size:
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 80, 800, 800))
        environment = {**os.environ, "TERM": self._term, "PYTHONPATH": str(ROOT), "COLUMNS": "80", "LINES": "40"}
        command = [sys.executable, "-m", "operate.cli", "--config", str(self._operator.config), *arguments]
        with subprocess.Popen(
            command, stdin=theirs, stdout=theirs, stderr=theirs, env=environment, cwd=ROOT
        ) as process:
            os.close(theirs)
            try:
                written = self._converse(ours)
            finally:
                os.close(ours)
                process.kill()
        return written

    def _converse(self, ours: int) -> bytes:
        """Answer as a terminal does, until the command has ended."""
        written, answered, deadline = b"", 0, time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            if not select.select([ours], [], [], 0.1)[0]:
                continue
            try:
                piece = os.read(ours, 65536)
            except OSError:  # Linux's way to say that the other end is closed
                return written
            if not piece:
                return written
            written += piece
            for question in re.finditer(rb"\x1b\[c|\x1b_G([^\x1b]*a=q[^\x1b]*)\x1b\\", written[answered:]):
                self._answer(ours, question)
                answered += question.end()
        pytest.fail(f"the command did not end: {written[-500:]!r}")

    def _answer(self, ours: int, question: re.Match[bytes]) -> None:
        if question[0] == b"\x1b[c":
            os.write(ours, b"\x1b[?" + self._attributes + b"c")
        elif self._has_kitty and (number := re.search(rb"i=([0-9]+)", question[1])):
            os.write(ours, b"\x1b_Gi=" + number[1] + b";OK\x1b\\")


def test_a_terminal_with_sixels_gets_them(local: LocalStack, operator: Operator) -> None:
    upload(local, BLUE)
    written = Terminal(operator, b"62;4;22").run("status", "1896-S")
    assert SIXEL.search(written)
    assert "It is the one in the record." in " ".join(written.decode(errors="replace").split())


def test_a_terminal_like_kitty_gets_its_protocol(local: LocalStack, operator: Operator) -> None:
    upload(local, BLUE)
    written = Terminal(operator, b"62", has_kitty=True).run("status", "1896-S")
    assert b"\x1b_G" in re.sub(rb"\x1b_G[^\x1b]*a=q[^\x1b]*\x1b\\", b"", written)
    assert not SIXEL.search(written)


def test_any_other_terminal_gets_half_blocks(local: LocalStack, operator: Operator) -> None:
    upload(local, BLUE)
    written = Terminal(operator, b"62;22").run("status", "1896-S")
    assert "▄" in written.decode(errors="replace") or "▀" in written.decode(errors="replace")
    assert not SIXEL.search(written)


def test_a_terminal_of_unknown_size_does_not_end_the_story(local: LocalStack, operator: Operator) -> None:
    upload(local, BLUE)
    written = Terminal(operator, b"62;4", has_size=False).run("status", "1896-S")
    assert b"It is the one in the record." in b" ".join(written.split())
    assert b"bug" not in written


def test_a_dumb_terminal_is_asked_nothing(local: LocalStack, operator: Operator) -> None:
    upload(local, BLUE)
    written = Terminal(operator, b"62;4", term="dumb").run("status", "1896-S")
    assert b"Business Central shows a picture" in written
    assert b"\x1b" not in written


def test_without_a_terminal_there_is_no_picture(local: LocalStack, operator: Operator) -> None:
    upload(local, BLUE)
    assert "\x1b" not in operator.run("status", "1896-S").out
