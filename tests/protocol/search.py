"""Searches all states of the protocol's model, nearest first; as a program, for bounds of any size."""

import argparse
import time
from array import array
from dataclasses import dataclass

from shared.item_record import Step
from tests.protocol.model import Model
from tests.protocol.states import At, BrokenPromise, Config, ModelUpload, Promise, State


@dataclass(frozen=True)
class Result:
    """The result of a search: the promise that is ``broken``, if any, and the shortest ``trace`` to the breach."""

    states: int
    moves: int
    steps: set[Step]
    effects: set[At]
    broken: Promise | None = None
    trace: tuple[str, ...] = ()


class _Stuck(Exception):
    def __init__(self, at: int) -> None:
        super().__init__(at)
        self.at = at


class Search:
    """Numbers all states, each with the state before it and the next one if nothing more goes wrong."""

    def __init__(self, model: Model) -> None:
        self.model, self.moves = model, 0
        self.states: list[State] = [model.start()]
        self.parents, self.onward = array("l", [-1]), array("l")
        self.numbers = {self.states[0]: 0}

    def run(self, at_most: int | None = None) -> Result:
        i = 0
        try:
            while i < len(self.states):
                self._expand(i)
                i += 1
                if at_most and i > at_most:
                    raise RuntimeError(f"more than {at_most} states")
            self._all_come_to_rest()
        except BrokenPromise as broken:
            return self._result(broken.promise, self._trace(i))
        except _Stuck as stuck:
            return self._result(Promise.COMES_TO_REST, self._trace(stuck.at))
        return self._result()

    def _expand(self, i: int) -> None:
        s, model = self.states[i], self.model
        model.promises.check(s)
        moves = list(model.moves(s))
        self.moves += len(moves)
        for _, following in moves:
            if following not in self.numbers:
                self.numbers[following] = len(self.states)
                self.states.append(following)
                self.parents.append(i)
        onward = None if model.promises.is_at_rest(s) else model.onward(s, moves)
        self.onward.append(-1 if onward is None else self.numbers[onward])

    def _all_come_to_rest(self) -> None:
        """Raise if a state does not come to rest although nothing more goes wrong."""
        unknown, on_the_way, fine = range(3)
        marks = bytearray(len(self.states))
        for start in range(len(self.states)):
            way, at = [], start
            while marks[at] == unknown and not self.model.promises.is_at_rest(self.states[at]):
                marks[at] = on_the_way
                way.append(at)
                at = self.onward[at]
                if at < 0 or marks[at] == on_the_way:
                    raise _Stuck(start)
            for passed in way:
                marks[passed] = fine

    def _trace(self, at: int) -> tuple[str, ...]:
        """Return what happens on the way to a state."""
        events: list[str] = []
        while (parent := self.parents[at]) >= 0:
            moves = self.model.moves(self.states[parent])
            events.append(next(str(label) for label, s in moves if s == self.states[at]))
            at = parent
        return tuple(reversed(events))

    def _result(self, broken: Promise | None = None, trace: tuple[str, ...] = ()) -> Result:
        model = self.model
        return Result(len(self.states), self.moves, model.workers.steps, model.effects, broken, trace)


_BOUNDS = {
    "crashes": "workers that die",
    "unanswered": "requests to BC without an answer; they take effect at once, later or never",
    "resent-writes": "writes of the record whose answer is lost, so that storage's client sends them again",
    "removals": "uploads that their uploader removes",
    "manual-changes": "pictures that somebody puts into BC by hand",
}


def _uploads(text: str) -> tuple[ModelUpload, ...]:
    return tuple(ModelUpload(upload[0], int(upload[1]), upload[2:]) for upload in text.split(","))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.protocol.search",
        description="Search all states of the item record's protocol and print the shortest way to a broken promise.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    about_uploads = "in the order of their arrival: a letter for the name, a digit for the second, and the picture"
    parser.add_argument("--uploads", type=_uploads, default="a0red,b1blue", help=about_uploads)
    parser.add_argument("--workers", type=int, default=2, help="deliveries at work at once")
    parser.add_argument("--ticks", type=int, default=2, help="steps of time in the life of a doubt, at most 6")
    for bound, about in _BOUNDS.items():
        parser.add_argument(f"--{bound}", type=int, default=0, help=about)
    parser.add_argument("--keep-existing", action="store_true", help="save the picture that BC had before")
    return parser.parse_args()


def main() -> None:
    started = time.perf_counter()
    result = Search(Model(Config(**vars(_options())))).run()
    verdict = result.broken or "every promise holds"
    seconds = time.perf_counter() - started
    print(f"{result.states:,} states, {result.moves:,} moves, {seconds:.0f} s: {verdict}", *result.trace, sep="\n")


if __name__ == "__main__":
    main()
