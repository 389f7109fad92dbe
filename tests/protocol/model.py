"""Models the item record's protocol: every order of events, faults included, with the app's own decisions.

The decisions come from ``shared/item_record.py`` itself. The model adds only what surrounds them: the blobs, the record
under its ETag, requests to BC that take effect now, later or never, and time. ``s`` is a state, ``w`` a worker.
"""

from collections.abc import Collection, Iterator

from tests.protocol.decisions import APP_RULES, Decisions, Rules
from tests.protocol.promises import Promises
from tests.protocol.states import BY_HAND, NONE, At, Config, FaultBudget, Label, Move, Promise, State
from tests.protocol.workers import Workers

ARRIVES, TIME_PASSES, LANDS_LATE = "arrives", "time passes", "PATCH takes effect late"
REMOVED = "is removed, or overwritten with something unusable, by its uploader"


class Model:
    """Yields the moves that are possible in a state, and checks what is promised of every state."""

    def __init__(self, config: Config, rules: Rules = APP_RULES, promises: Collection[Promise] = Promise) -> None:
        self.config, self.decisions, self.promises = config, Decisions(config, rules), Promises(config, promises)
        self.workers = Workers(config, self.decisions, self.promises, rules)
        self.names = sorted({upload.name for upload in config.uploads})
        self.effects: set[At] = set()
        self.full = FaultBudget(
            config.crashes, config.unanswered, config.resent_writes, config.removals, config.manual_changes
        )

    def start(self) -> State:
        return State(self.full, incoming=(NONE,) * len(self.names))

    def moves(self, s: State) -> Iterator[Move]:
        """Yield what can happen next: through a worker, in BC, to the blobs, to time."""
        for i, w in enumerate(s.workers):
            if i == 0 or w != s.workers[i - 1]:
                self.effects.add(w.at)
                yield from self.workers.moves(s._replace(workers=s.workers[:i] + s.workers[i + 1 :]), w)
        yield from self._in_bc(s)
        yield from self._in_incoming(s)
        if len(s.workers) < self.config.workers:
            yield from self._deliveries(s)
        later = self._after_a_tick(s)
        if later != s:
            yield Label(TIME_PASSES), later

    def _in_bc(self, s: State) -> Iterator[Move]:
        for i, (upload, _) in enumerate(s.in_flight):
            rest = s._replace(in_flight=s.in_flight[:i] + s.in_flight[i + 1 :])
            yield Label(LANDS_LATE, upload), self.workers.landed(rest, upload)
        if s.budget.manual_changes:
            budget = s.budget._replace(manual_changes=s.budget.manual_changes - 1)
            changed = s._replace(bc_picture=BY_HAND, budget=budget)
            yield Label("somebody changes the picture in BC", is_fault=True), changed

    def _in_incoming(self, s: State) -> Iterator[Move]:
        if self.promises.next_can_arrive(s):
            at = self.names.index(self.config.uploads[s.arrived].name)
            incoming = (*s.incoming[:at], s.arrived, *s.incoming[at + 1 :])
            yield Label(ARRIVES, s.arrived), s._replace(incoming=incoming, arrived=s.arrived + 1)
        if s.budget.removals:
            budget = s.budget._replace(removals=s.budget.removals - 1)
            for upload in {*s.incoming} - {NONE}:
                removed = s.without_source(upload)._replace(budget=budget)
                yield Label(REMOVED, upload, is_fault=True), removed

    def _deliveries(self, s: State) -> Iterator[Move]:
        for upload in range(s.arrived):
            # The sweep delivers what it looks after, from the archive; another worker read the source before it went.
            is_late = upload not in s.incoming and upload not in s.marked
            yield Label(At.READ_RECORD, upload, is_fault=is_late), self.workers.begun(s, upload)

    def _after_a_tick(self, s: State) -> State:
        return s._replace(
            record=self.decisions.later(s.record, 1),
            age=self.decisions.older(s.record, s.age),
            in_flight=tuple((upload, left - 1) for upload, left in s.in_flight if left > 1),
            workers=tuple(sorted(map(self.workers.after_a_tick, s.workers))),
        )

    def onward(self, s: State, moves: list[Move]) -> State | None:
        """Return the next state if nothing more goes wrong and everybody is patient; None if nothing can happen."""
        is_waiting = self.decisions.has_active_doubt(s.record, s.age)
        ranks = {At.READ_RECORD: 3, ARRIVES: 1, TIME_PASSES: 2 if is_waiting else 4}
        changes = [(i, label) for i, (label, after) in enumerate(moves) if after != s and not label.is_fault]
        sure = [(ranks.get(label.event, 0), i) for i, label in changes]
        return moves[min(sure)[1]][1] if sure else None
