"""Runs deliveries at once in threads, one at a time, from one effect to the next, in a chosen order."""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from requests import Response

from shared.storage.names import RECORDS
from tests.support import outgoing_requests
from tests.support.outgoing_requests import Crash, Effect

_STUCK = 60.0  # seconds within which an effect must happen


class Actor:
    """Runs ``body`` in a thread that stops before each effect; ``ready`` says whether the next one may happen.

    ``is_app``: the effect that it stops at is the app's.
    """

    def __init__(self, name: str, body: Callable[["Actor"], None], ready: Callable[[], bool] = lambda: True) -> None:
        self.name, self._body, self.ready = name, body, ready
        self.stops_at: Effect | None = None
        self.error: BaseException | None = None
        self.world = World()
        self._stopped, self._go = threading.Semaphore(0), threading.Semaphore(0)
        self.is_app = self.was_killed = self._is_killed = self._is_polling = False
        self._seen_version = -1
        self._thread = threading.Thread(target=self._run, name=name)

    def start(self, world: "World") -> None:
        """Run to the first effect."""
        self.world = world
        self._thread.start()
        self._wait()

    def proceed(self) -> None:
        """Let the effect happen, and run to the next.

        Repeated reads of a record that nobody has changed since count as one effect: they see the same.
        """
        self._is_polling = self.only_reads_again
        self._go.release()
        self._wait()

    def kill(self) -> None:
        """End it before its effect."""
        self._is_killed, self.was_killed = True, self.is_app
        self._go.release()
        self._wait()

    @property
    def only_reads_again(self) -> bool:
        """Whether the next effect reads the record in a version that it has read."""
        return bool(self.stops_at and self._reads_record(self.stops_at) and self._seen_version == self.world.version)

    def step(self, effect: Effect, do: Callable[[], Any]) -> Any:
        """Stop before an effect until it may happen; an effect that touches nothing happens at once."""
        self._is_polling &= self._reads_record(effect) and self._seen_version == self.world.version
        if effect.touches and not self._is_polling:
            self.stops_at = effect
            self._stopped.release()
            self._go.acquire()
            if self._is_killed:
                raise Crash
        answer = do()
        if self._reads_record(effect):
            self._seen_version = self.world.version
        elif effect.place == RECORDS and answer.ok:
            self.world.version += 1
        return answer

    def hook(self, effect: Effect, send: outgoing_requests.Send) -> Response:
        """Stop before each effect of the app."""
        if self._is_killed:
            raise Crash
        self.is_app = True
        answer: Response = self.step(effect, send)
        return answer

    def _run(self) -> None:
        try:
            self._body(self)
        except Crash:
            pass
        except BaseException as error:  # noqa: BLE001 - raised again in the thread of the test
            self.error = error
        self.stops_at = None
        self._stopped.release()

    def _wait(self) -> None:
        assert self._stopped.acquire(timeout=_STUCK), f"{self.name} is stuck at {self.stops_at}"
        if self.error:
            raise self.error

    @staticmethod
    def _reads_record(effect: Effect) -> bool:
        return (effect.method, effect.place) == ("GET", RECORDS)


@dataclass
class World:
    """Counts the changes of the item's record."""

    version: int = 0


@dataclass(frozen=True)
class Event:
    """An effect that happened."""

    actor: str
    effect: Effect

    def __str__(self) -> str:
        return f"{self.actor}: {self.effect}"


# Chooses which of these actors goes on; None if no order that begins like this is needed.
Choose = Callable[[Mapping[str, Actor]], str | None]


class Diverged(Exception):
    """The same order of effects led elsewhere."""


@contextmanager
def _started(actors: list[Actor]) -> Iterator[None]:
    world = World()
    try:
        for actor in actors:
            actor.start(world)
        yield
    finally:
        for actor in actors:
            if actor.stops_at:
                actor.kill()


def run(actors: list[Actor], choose: Choose) -> tuple[list[Event], bool]:
    """Run the actors in the order of ``choose``; returns what happened, and whether all of them have ended."""
    events: list[Event] = []
    with _started(actors):
        while waiting := {actor.name: actor for actor in actors if actor.stops_at and actor.ready()}:
            chosen = choose(waiting)
            if chosen is None:
                return events, not any(actor.stops_at and actor.ready() for actor in actors)
            if chosen not in waiting:
                raise Diverged(f"{chosen} is not waiting any more")
            actor = waiting[chosen]
            assert actor.stops_at
            events.append(Event(chosen, actor.stops_at))
            actor.proceed()
    return events, True
