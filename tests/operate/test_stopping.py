"""Nobody who presses Ctrl-C waits for what threads are doing, or were still to do."""

from threading import Event

import pytest

from operate.stopping import threads


class Work:
    """Gives one thread two tasks; the first lasts until ``end``."""

    def __init__(self) -> None:
        self.begun, self.end, self.ended, self.next_begun = Event(), Event(), Event(), Event()

    def leave_by(self, error: BaseException) -> None:
        with threads(1) as pool:
            pool.submit(self._first)
            pool.submit(self.next_begun.set)
            assert self.begun.wait(10)
            raise error

    def _first(self) -> None:
        self.begun.set()
        self.end.wait(60)
        self.ended.set()


def test_ctrl_c_waits_for_no_thread() -> None:
    work = Work()
    with pytest.raises(KeyboardInterrupt):
        work.leave_by(KeyboardInterrupt())
    assert not work.ended.is_set()
    work.end.set()
    assert work.ended.wait(10)
    assert not work.next_begun.is_set()


def test_an_error_waits_for_what_was_begun_alone() -> None:
    work = Work()
    work.end.set()
    with pytest.raises(ValueError, match="planted"):
        work.leave_by(ValueError("planted"))
    assert work.ended.is_set()
