"""Checks the promises of the protocol's model in every state, and says when a state is at rest."""

from collections.abc import Collection

from tests.protocol.states import BY_HAND, NONE, BrokenPromise, Config, Promise, State


class Promises:
    """Checks the chosen promises; a search for what breaks these ignores all others."""

    def __init__(self, config: Config, checked: Collection[Promise]) -> None:
        self._uploads, self._checked = config.uploads, frozenset(checked)

    def check(self, s: State) -> None:
        """Raise if this state breaks a promise."""
        if s.newest_done != NONE and not self._shows_at_least(s, s.newest_done):
            self.broken(Promise.DONE_IS_FINAL)
        if s.newest_settling != NONE and s.newest_settling not in s.archive and s.newest_settling not in s.incoming:
            self.broken(Promise.NOTHING_LOST)
        placed = s.archive | {s.newest_settling} - {NONE}
        if self.is_at_rest(s) and placed and not self._shows_at_least(s, max(placed, key=self.newness)):
            self.broken(Promise.NEWEST_WINS)

    def broken(self, promise: Promise) -> None:
        if promise in self._checked:
            raise BrokenPromise(promise)

    def is_at_rest(self, s: State) -> bool:
        has_incoming = any(upload != NONE for upload in s.incoming)
        return not (s.workers or s.in_flight or has_incoming or s.marked or self.next_can_arrive(s))

    def _shows_at_least(self, s: State, oldest: int) -> bool:
        """Whether BC shows this upload, a newer one, or a picture that somebody put there by hand."""
        newer = (u for u in range(s.arrived) if self.newness(u) >= self.newness(oldest))
        return s.bc_picture == BY_HAND or any(self.picture(u) == s.bc_picture for u in newer)

    def newness(self, upload: int) -> tuple[int, bool, str, int]:
        planned = self._uploads[upload]
        return (planned.second, planned.replay_of is None, planned.name, upload)

    def next_can_arrive(self, s: State) -> bool:
        if s.arrived == len(self._uploads):
            return False
        original = self._uploads[s.arrived].replay_of
        return original is None or original in s.archive

    def picture(self, upload: int) -> str:
        return self._uploads[upload].picture
