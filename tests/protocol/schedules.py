"""Chooses orders of effects, one after another, until none is left that could make a difference.

Two orders are equivalent if one becomes the other by swapping neighbouring effects that touch different things or only
read: dynamic partial-order reduction after Abdulla, Aronis, Jonsson and Sagonas (source sets with sleep sets).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from tests.protocol.actors import Actor, Event
from tests.support.outgoing_requests import Effect


@dataclass
class _Fork:
    """Records one choice: the actors stopped ``at`` their effects, and one of them was ``chosen``.

    ``needed``: the actors that must be chosen here at some time. ``asleep``: those whose turn here shows nothing new.
    """

    at: dict[str, Effect]
    asleep: set[str]
    chosen: str
    needed: set[str] = field(default_factory=set)

    def asleep_afterwards(self) -> set[str]:
        return {actor for actor in self.asleep if self.at[actor].commutes_with(self.at[self.chosen])}


class Explorer:
    """Chooses every order that could make a difference; ``next_order`` goes on to the next."""

    def __init__(self) -> None:
        self._forks: list[_Fork] = []
        self._depth = 0

    def choose(self, waiting: Mapping[str, Actor]) -> str | None:
        """Choose as decided; from there on, prefer actors that do not only read the record again."""
        if self._depth == len(self._forks):
            asleep = self._forks[-1].asleep_afterwards() if self._forks else set()
            awake = [name for name in waiting if name not in asleep]
            if not awake:
                return None
            chosen = min(awake, key=lambda name: waiting[name].only_reads_again)
            at = {name: actor.stops_at for name, actor in waiting.items() if actor.stops_at}
            self._forks.append(_Fork(at, asleep, chosen, {chosen}))
        self._depth += 1
        return self._forks[self._depth - 1].chosen

    def again(self, forks: int) -> None:
        """Repeat the last order, but decide anew after its first ``forks`` choices."""
        del self._forks[forks:]
        self._depth = 0

    @property
    def forks(self) -> int:
        """How many choices of the next order are decided."""
        return len(self._forks)

    def next_order(self, events: list[Event]) -> bool:
        """Learn from what happened; returns False if no other order is left."""
        self._note_races(events)
        while self._forks:
            fork = self._forks[-1]
            fork.asleep.add(fork.chosen)
            if left := sorted(fork.needed - fork.asleep):
                fork.chosen, self._depth = left[0], 0
                return True
            self._forks.pop()
        return False

    def _note_races(self, events: list[Event]) -> None:
        """Demand the other order of every two effects that do not commute and that nothing else puts in order."""
        before = _before(events)
        for second in range(len(events)):
            for first in before[second]:
                if events[first].actor != events[second].actor and not any(
                    first in before[between] for between in before[second]
                ):
                    self._demand(first, second, events, before)

    def _demand(self, first: int, second: int, events: list[Event], before: list[set[int]]) -> None:
        fork = self._forks[first]
        independent = [at for at in range(first + 1, second) if first not in before[at]] + [second]
        could_be_first = {
            events[at].actor for at in independent if not any(earlier in before[at] for earlier in independent)
        } & fork.at.keys()
        if could_be_first and not could_be_first & fork.needed:
            fork.needed.add(min(could_be_first))


def _before(events: list[Event]) -> list[set[int]]:
    """Return, for each event, the earlier events that had to come before it."""
    before: list[set[int]] = []
    for at, event in enumerate(events):
        direct = {
            earlier
            for earlier in range(at)
            if events[earlier].actor == event.actor or not events[earlier].effect.commutes_with(event.effect)
        }
        before.append(direct.union(*(before[earlier] for earlier in direct)))
    return before
