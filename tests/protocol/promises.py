"""What the model of the item record's protocol promises of every state, and when a state is at rest."""

from collections.abc import Collection

from tests.protocol.states import BY_HAND, NONE, BrokenPromise, Config, Promise, State


class Promises:
    """The promises that are checked; the others are let pass, to find what breaks these."""

    def __init__(self, config: Config, checked: Collection[Promise]) -> None:
        self._pictures, self._checked = config.pictures, frozenset(checked)

    def check(self, s: State) -> None:
        """Raise where a promise is broken in this state."""
        if s.settled != NONE and not self._shows_at_least(s, s.settled):
            self.broken(Promise.FOR_GOOD)
        if self.is_at_rest(s) and s.archive and not self._shows_at_least(s, max(s.archive, key=self.newness)):
            self.broken(Promise.NEWEST)

    def broken(self, promise: Promise) -> None:
        if promise in self._checked:
            raise BrokenPromise(promise)

    def is_at_rest(self, s: State) -> bool:
        has_incoming = any(upload != NONE for upload in s.incoming)
        return not (s.workers or s.flights or has_incoming or self.next_is_possible(s))

    def _shows_at_least(self, s: State, oldest: int) -> bool:
        """Whether BC shows this upload or a newer one, or what somebody put there."""
        newer = (u for u in range(s.uploads) if self.newness(u) >= self.newness(oldest))
        return s.shown == BY_HAND or any(self.picture(u) == s.shown for u in newer)

    def newness(self, upload: int) -> tuple[int, bool, str, int]:
        picture = self._pictures[upload]
        return (picture.second, picture.replay_of is None, picture.name, upload)

    def next_is_possible(self, s: State) -> bool:
        if s.uploads == len(self._pictures):
            return False
        original = self._pictures[s.uploads].replay_of
        return original is None or original in s.archive

    def picture(self, upload: int) -> str:
        return self._pictures[upload].shows
