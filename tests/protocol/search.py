"""The search through all states of the protocol's model; ``python -m tests.protocol.search --help`` runs one of any size."""

import argparse
import time
from array import array
from dataclasses import dataclass

from shared.item_record import Step
from tests.protocol.model import Model
from tests.protocol.states import At, BrokenPromise, Config, Picture, Promise, State


@dataclass(frozen=True)
class Found:
    """What a search found: ``broken`` is the promise that does not hold, ``trace`` the shortest way there."""

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
    """All states, nearest first, each with where it was reached from and where it goes if nothing more goes wrong."""

    def __init__(self, model: Model) -> None:
        self.model, self.moves = model, 0
        self.states: list[State] = [model.start()]
        self.parents, self.onward = array("l", [-1]), array("l")
        self.numbers = {self.states[0]: 0}

    def run(self, at_most: int | None = None) -> Found:
        i = 0
        try:
            while i < len(self.states):
                self._expand(i)
                i += 1
                if at_most and i > at_most:
                    raise RuntimeError(f"more than {at_most} states")
            self._all_come_to_rest()
        except BrokenPromise as broken:
            return self._found(broken.promise, self._trace(i))
        except _Stuck as stuck:
            return self._found(Promise.DONE, self._trace(stuck.at))
        return self._found()

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
        """Raise where a state does not come to rest although nothing more goes wrong."""
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
            for done in way:
                marks[done] = fine

    def _trace(self, at: int) -> tuple[str, ...]:
        """Return what happened on the way to a state."""
        events: list[str] = []
        while (parent := self.parents[at]) >= 0:
            moves = self.model.moves(self.states[parent])
            events.append(next(str(label) for label, s in moves if s == self.states[at]))
            at = parent
        return tuple(reversed(events))

    def _found(self, broken: Promise | None = None, trace: tuple[str, ...] = ()) -> Found:
        model = self.model
        return Found(len(self.states), self.moves, model.steps, model.effects, broken, trace)


def main() -> None:
    parser = argparse.ArgumentParser(description="Search all states of the protocol.")
    parser.add_argument(
        "--uploads", default="a0red,b1blue", help="name, second and picture of each (default: %(default)s)"
    )
    for option in ("crashes", "silences", "losses", "removals", "hands"):
        parser.add_argument(f"--{option}", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--ticks", type=int, default=2)
    parser.add_argument("--keep-existing", action="store_true")
    options = vars(parser.parse_args())
    pictures = tuple(Picture(one[0], int(one[1]), one[2:]) for one in options.pop("uploads").split(","))
    started = time.perf_counter()
    found = Search(Model(Config(pictures, **options))).run()
    print(
        f"{found.states:,} states, {found.moves:,} moves, {time.perf_counter() - started:.0f} s: {found.broken or 'all is kept'}"
    )
    print(*found.trace, sep="\n")


if __name__ == "__main__":
    main()
