"""A scheduler for deliveries that run at once: one goes on at a time, from one effect to the next, in a chosen order.

``explore`` chooses orders until none is left that could make a difference. Two orders make none if they differ only in
which of two neighbouring effects was first that touch different things, or both only read. It is the dynamic
partial-order reduction of Abdulla, Aronis, Jonsson and Sagonas (source sets, with sleep sets).
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from requests import Response

from shared.storage.names import RECORDS
from tests.support import outgoing_requests
from tests.support.outgoing_requests import Crash, Effect

_STUCK = 60.0  # seconds in which an effect must happen


class Actor:
    """Something that goes on by itself, and stops before each effect; ``ready`` tells when it can begin.

    ``is_app`` tells whether the effect at which it stands is the app's.
    """

    def __init__(self, name: str, body: Callable[["Actor"], None], ready: Callable[[], bool] = lambda: True) -> None:
        self.name, self._body, self.ready = name, body, ready
        self.stands_at: Effect | None = None
        self.error: BaseException | None = None
        self.world = World()
        self._stopped, self._go = threading.Semaphore(0), threading.Semaphore(0)
        self.is_app = self.was_killed = self._killed = self._polls = False
        self._seen = -1
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self, world: "World") -> None:
        """Go on to the first effect."""
        self.world = world
        self._thread.start()
        self._wait()

    def go_on(self) -> None:
        """Let the effect happen, and go on to the next.

        Looks at a record that nobody has changed since this actor's last look are one effect: they differ in nothing.
        """
        self._polls = self.only_looks_again
        self._go.release()
        self._wait()

    def kill(self) -> None:
        """End it where it stands."""
        self._killed, self.was_killed = True, self.is_app
        self._go.release()
        self._wait()

    @property
    def only_looks_again(self) -> bool:
        """Whether it would see a record that it has seen."""
        return bool(self.stands_at and self._is_look(self.stands_at) and self._seen == self.world.version)

    def step(self, effect: Effect, do: Callable[[], Any]) -> Any:
        """Stop before an effect until it may happen; what touches nothing happens at once."""
        self._polls &= self._is_look(effect) and self._seen == self.world.version
        if effect.touches and not self._polls:
            self.stands_at = effect
            self._stopped.release()
            self._go.acquire()
            if self._killed:
                raise Crash
        answer = do()
        if self._is_look(effect):
            self._seen = self.world.version
        elif effect.place == RECORDS and answer.ok:
            self.world.version += 1
        return answer

    def hook(self, effect: Effect, send: outgoing_requests.Send) -> Response:
        """Stop before each effect of the app."""
        if self._killed:
            raise Crash
        self.is_app = True
        answer: Response = self.step(effect, send)
        return answer

    def _run(self) -> None:
        try:
            self._body(self)
        except Crash:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again where the test can see it
            self.error = error
        self.stands_at = None
        self._stopped.release()

    def _wait(self) -> None:
        assert self._stopped.acquire(timeout=_STUCK), f"{self.name} is stuck at {self.stands_at}"
        if self.error:
            raise self.error

    @staticmethod
    def _is_look(effect: Effect) -> bool:
        return (effect.method, effect.place) == ("GET", RECORDS)


@dataclass
class World:
    """How often the item's record was changed so far."""

    version: int = 0


@dataclass(frozen=True)
class Event:
    """An effect that happened."""

    actor: str
    effect: Effect

    def __str__(self) -> str:
        return f"{self.actor}: {self.effect}"


# Chooses which of the actors, which stand at these effects, goes on; None: no order that begins so is needed.
Choose = Callable[[Mapping[str, Actor]], str | None]


class Diverged(Exception):
    """The same order led elsewhere."""


@contextmanager
def _started(actors: list[Actor]) -> Iterator[None]:
    world = World()
    try:
        for actor in actors:
            actor.start(world)
        yield
    finally:
        for actor in actors:
            if actor.stands_at:
                actor.kill()


def run(actors: list[Actor], choose: Choose) -> tuple[list[Event], bool]:
    """Run the actors in the order that ``choose`` chooses; the answer is what happened, and whether all came to their end."""
    happened: list[Event] = []
    with _started(actors):
        while waiting := {one.name: one for one in actors if one.stands_at and one.ready()}:
            chosen = choose(waiting)
            if chosen is None:
                return happened, not any(one.stands_at and one.ready() for one in actors)
            if chosen not in waiting:
                raise Diverged(f"{chosen} does not wait here any more")
            actor = waiting[chosen]
            assert actor.stands_at
            happened.append(Event(chosen, actor.stands_at))
            actor.go_on()
    return happened, True


@dataclass
class _Fork:
    """A moment in which somebody was chosen, out of those who stood ``at`` their effects.

    ``needed`` are those who have to be chosen here some time, ``asleep`` those whose turn here would show nothing new.
    """

    at: dict[str, Effect]
    asleep: set[str]
    chosen: str
    needed: set[str] = field(default_factory=set)

    def asleep_afterwards(self) -> set[str]:
        return {one for one in self.asleep if self.at[one].commutes_with(self.at[self.chosen])}


class Explorer:
    """Chooses orders, one after another, until none is left that could make a difference."""

    def __init__(self) -> None:
        self._forks: list[_Fork] = []
        self._depth = 0

    def choose(self, waiting: Mapping[str, Actor]) -> str | None:
        """Choose as before as far as that was decided, and from there on whoever does not only look again."""
        if self._depth == len(self._forks):
            asleep = self._forks[-1].asleep_afterwards() if self._forks else set()
            awake = [one for one in waiting if one not in asleep]
            if not awake:
                return None
            chosen = min(awake, key=lambda one: waiting[one].only_looks_again)
            at = {name: one.stands_at for name, one in waiting.items() if one.stands_at}
            self._forks.append(_Fork(at, asleep, chosen, {chosen}))
        self._depth += 1
        return self._forks[self._depth - 1].chosen

    def again(self, forks: int) -> None:
        """Forget what was decided in the last order beyond so many forks, and choose that order again."""
        del self._forks[forks:]
        self._depth = 0

    @property
    def forks(self) -> int:
        """How many moments of the next order are decided."""
        return len(self._forks)

    def next_order(self, happened: list[Event]) -> bool:
        """Learn from what happened; False where no other order is left."""
        self._note_races(happened)
        while self._forks:
            fork = self._forks[-1]
            fork.asleep.add(fork.chosen)
            if left := sorted(fork.needed - fork.asleep):
                fork.chosen, self._depth = left[0], 0
                return True
            self._forks.pop()
        return False

    def _note_races(self, happened: list[Event]) -> None:
        """Where two effects do not commute and nothing decides which is first, have the other order tried too."""
        before = _before(happened)
        for second in range(len(happened)):
            for first in before[second]:
                if happened[first].actor != happened[second].actor and not any(
                    first in before[between] for between in before[second]
                ):
                    self._need(first, second, happened, before)

    def _need(self, first: int, second: int, happened: list[Event], before: list[set[int]]) -> None:
        fork = self._forks[first]
        others = [at for at in range(first + 1, second) if first not in before[at]] + [second]
        could_be_first = {
            happened[at].actor for at in others if not any(earlier in before[at] for earlier in others)
        } & fork.at.keys()
        if could_be_first and not could_be_first & fork.needed:
            fork.needed.add(min(could_be_first))


def _before(happened: list[Event]) -> list[set[int]]:
    """Return, for each event, the earlier ones that had to be earlier, given who came first where it matters."""
    before: list[set[int]] = []
    for at, event in enumerate(happened):
        direct = {
            earlier
            for earlier in range(at)
            if happened[earlier].actor == event.actor or not happened[earlier].effect.commutes_with(event.effect)
        }
        before.append(direct.union(*(before[earlier] for earlier in direct)))
    return before
