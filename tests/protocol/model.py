"""An exhaustive model of the item record's protocol: every order of events, faults included, with the app's own decisions.

What the app decides comes from ``shared/item_record.py`` itself. Only what lies around it is modelled: the blobs, the
record under its ETag, requests to BC that take effect now, later or never, and time. A worker's steps bear the names
of the code's methods.
"""

from collections.abc import Collection, Iterator

from shared.item_record import Step
from tests.protocol.promises import Promises
from tests.protocol.states import (
    AS_THEY_ARE,
    BEFORE,
    BY_HAND,
    HARMLESS,
    MOVES,
    NONE,
    READINGS,
    REFUSED_WHEN_STALE,
    WRITES,
    At,
    Config,
    Decisions,
    Label,
    Left,
    Move,
    Promise,
    Rules,
    State,
    Worker,
)


class Model:
    """The moves that are possible in a state, and what is promised of every state."""

    def __init__(self, config: Config, rules: Rules = AS_THEY_ARE, promises: Collection[Promise] = Promise) -> None:
        self.config, self.decisions, self.has_etags = config, Decisions(config, rules), rules.has_etags
        self.promises = Promises(config, promises)
        self.names = sorted({picture.name for picture in config.pictures})
        self.steps: set[Step] = set()
        self.effects: set[At] = set()
        self.full = Left(config.crashes, config.silences, config.losses, config.removals, config.hands)

    def start(self) -> State:
        return State(self.full, incoming=(NONE,) * len(self.names))

    def moves(self, s: State) -> Iterator[Move]:
        """Yield what can happen next: by a worker, in BC, to the blobs, to time."""
        for i, w in enumerate(s.workers):
            if i == 0 or w != s.workers[i - 1]:
                self.effects.add(w.at)
                yield from self._work(s._replace(workers=s.workers[:i] + s.workers[i + 1 :]), w)
        yield from self._in_bc(s)
        yield from self._in_incoming(s)
        if len(s.workers) < self.config.workers:
            yield from self._deliveries(s)
        later = self._after_a_tick(s)
        if later != s:
            yield Label("time passes"), later

    # --- what happens around the workers ---

    def _in_bc(self, s: State) -> Iterator[Move]:
        for i, (upload, _) in enumerate(s.flights):
            rest = s._replace(flights=s.flights[:i] + s.flights[i + 1 :])
            yield Label("lands late", upload), self._land(rest, upload)
        if s.left.hands:
            left = s.left._replace(hands=s.left.hands - 1)
            yield Label("somebody changes the picture", is_fault=True), s._replace(shown=BY_HAND, left=left)

    def _in_incoming(self, s: State) -> Iterator[Move]:
        if self.promises.next_is_possible(s):
            at = self.names.index(self.config.pictures[s.uploads].name)
            incoming = (*s.incoming[:at], s.uploads, *s.incoming[at + 1 :])
            yield Label("upload", s.uploads), s._replace(incoming=incoming, uploads=s.uploads + 1)
        if s.left.removals:
            left = s.left._replace(removals=s.left.removals - 1)
            for upload in {*s.incoming} - {NONE}:
                yield Label("remove", upload, is_fault=True), self._without(s, upload)._replace(left=left)

    def _without(self, s: State, upload: int) -> State:
        return s._replace(incoming=tuple(NONE if found == upload else found for found in s.incoming))

    def _deliveries(self, s: State) -> Iterator[Move]:
        for upload in range(s.uploads):
            is_late = upload not in s.incoming  # it had been read before it went
            reader = Worker(At.READ_RECORD, upload, s.record, s.age)
            yield Label(At.READ_RECORD, upload, is_fault=is_late), self._decided(s, reader)

    def _after_a_tick(self, s: State) -> State:
        return s._replace(
            record=self.decisions.later(s.record, 1),
            age=self._older(s.record, s.age),
            flights=tuple((upload, left - 1) for upload, left in s.flights if left > 1),
            workers=tuple(sorted(map(self._worker_after_a_tick, s.workers))),
        )

    def _older(self, record: int, age: int) -> int:
        return min(age + 1, self.config.ticks) if self.decisions.has_claim(record) else 0

    def _worker_after_a_tick(self, w: Worker) -> Worker:
        if w.at in READINGS:
            ages = w.is_fresh and self.decisions.is_of_its_time(w.record)
            return w._replace(lag=min(w.lag + ages, self.config.ticks))
        age = 0 if w.at in WRITES else self._older(w.record, w.age)
        return w._replace(record=self.decisions.later(w.record, 1), age=age)

    def _land(self, s: State, upload: int) -> State:
        """Let BC show the picture; one that was there before us must have been saved."""
        if self.config.keep_existing and s.shown == BEFORE and not s.is_kept:
            self.promises.broken(Promise.BEFORE_KEPT)
        return s._replace(shown=self.promises.picture(upload))

    # --- what a worker does; ``s`` is the state without it ---

    def _work(self, s: State, w: Worker) -> Iterator[Move]:
        yield from self._write(s, w) if w.at in WRITES else self._effects[w.at](self, s, w)
        if w.at in MOVES:
            yield Label(f"{w.at} fails", w.upload, is_fault=True), s
        elif s.left.crashes and w.at not in HARMLESS:
            left = s.left._replace(crashes=s.left.crashes - 1)
            crashed = self._fly(s, w) if w.at is At.ANSWER else s
            yield Label(f"crash before {w.at}", w.upload, is_fault=True), crashed._replace(left=left)

    def _look(self, s: State, w: Worker) -> Iterator[Move]:
        yield Label(w.at, w.upload), self._decided(s, w._replace(is_current=int(w.upload in s.incoming)))

    def _compare(self, s: State, w: Worker) -> Iterator[Move]:
        yield Label(w.at, w.upload), self._decided(s, w, s.shown)

    def _decided(self, s: State, w: Worker, shown: str = "") -> State:  # noqa: PLR0911 - a table
        """Return the state once a worker that has read knows its next step: the loop in ``Placement.place``."""
        step = self.decisions.step(w.record, w.age, w.upload, w.is_current, shown)
        self.steps.add(step)
        match step:
            case Step.WAIT | Step.SETTLE:  # it ends; that it may look again is a delivery of its own
                return s
            case Step.DONE:
                settled = w.upload if s.settled == NONE else max(w.upload, s.settled, key=self.promises.newness)
                return self._moving(s._replace(settled=settled), w)
            case Step.SUPERSEDED:
                return self._moving(s, w)
            case Step.CHECK_SOURCE:
                return _with(s, w._replace(at=At.IS_CURRENT))
            case Step.COMPARE:
                return _with(s, w._replace(at=At.BC_PICTURE))
            case Step.ADOPT:
                return self._about_to_write(s, w, At.ADOPTED, shown)
            case Step.WRITE:
                return self._claiming(s, w)

    def _moving(self, s: State, w: Worker) -> State:
        if w.upload in s.archive and w.upload not in s.incoming:
            return s
        return _with(s, Worker(At.DELETE if w.upload in s.archive else At.COPY, w.upload))

    def _claiming(self, s: State, w: Worker) -> State:
        keeps = self.config.keep_existing and self.decisions.records[w.record].on is None
        tried = self.decisions.has_tried(w.record, w.upload)
        return self._about_to_write(s, w._replace(before=w.record if keeps else NONE, repeated=tried), At.CLAIMED)

    def _about_to_write(self, s: State, w: Worker, at: At, detail: str = "") -> State:
        """Return the state with the worker's change of the record decided; only its writing is left."""
        wanted = self.decisions.changed(at, w.record, w.age, w.upload, detail)
        return self._unless_stale(s, w._replace(at=at, record=self.decisions.later(wanted, w.lag), age=0, lag=0))

    def _unless_stale(self, s: State, w: Worker) -> State:
        """Leave out a worker with nothing before it but a change that will be refused.

        It reads the record again, as any delivery may do at any moment; where just its change lies there, too.
        """
        if w.is_fresh:
            return _with(s, w)
        if w.at is At.IS_CURRENT:  # what it could still do does not depend on time
            return _with(s, w._replace(age=0, lag=0))
        return s if w.at in REFUSED_WHEN_STALE else _with(s, w)

    def _write(self, s: State, w: Worker) -> Iterator[Move]:
        """Write the record under its ETag; one that would be refused was left out when the record was overtaken."""
        if not w.is_asking_again:
            written = self._overtaking(self._told(s, w)._replace(record=w.record, age=0))
            yield Label(f"write {w.at}", w.upload), self._written(written, w)
            if s.left.losses:
                left = s.left._replace(losses=s.left.losses - 1)
                again = _with(written._replace(left=left), w._replace(is_asking_again=True))
                yield Label(f"write {w.at}, answer lost", w.upload, is_fault=True), again
        else:
            yield Label(f"{w.at} is there already", w.upload), self._written(s, w)

    def _told(self, s: State, w: Worker) -> State:
        """Note who claims the item: whoever does so again without having failed for sure must be told of it."""
        if w.at is At.CLAIMED:
            if s.claimed == w.upload and not w.repeated:
                self.promises.broken(Promise.TOLD)
            before = self.decisions.records[s.record]
            return s._replace(claimed=w.upload, is_sure=s.is_sure and not (before.claim or before.doubt))
        has_failed = w.at is At.RELEASED or (w.at is At.ADOPTED and not self.decisions.records[w.record].doubt)
        return s._replace(claimed=NONE) if has_failed else s

    def _overtaking(self, s: State) -> State:
        """Return the state in which no other worker knows the record's ETag any more."""
        others, alone = s.workers, s._replace(workers=())
        for w in others:
            knows = w.at in MOVES or not self.has_etags
            alone = self._unless_stale(alone, w if knows else w._replace(is_fresh=False))
        return alone

    def _written(self, s: State, w: Worker) -> State:
        """Return the state once the worker knows that its record is there."""
        match w.at:
            case At.DOUBTED | At.RELEASED:
                return s
            case At.CLAIMED | At.RECLAIMED:
                at = At.KEEP if w.before != NONE else At.UPLOAD
                return _with(s, w._replace(at=at, age=s.age, is_asking_again=False))
        return self._decided(s, Worker(w.at, w.upload, w.record))

    def _keep(self, s: State, w: Worker) -> Iterator[Move]:
        if s.shown == self.promises.picture(w.upload):
            yield Label(w.at, w.upload), self._about_to_write(s, w, At.CONFIRMED, "unchanged")
            return
        is_kept = s.is_kept or (s.shown == BEFORE and not self.decisions.has_written(w.before, s.shown))
        yield Label(w.at, w.upload), _with(s._replace(is_kept=is_kept), w._replace(at=At.UPLOAD, before=NONE))

    def _upload_picture(self, s: State, w: Worker) -> Iterator[Move]:
        """Begin the request while the claim is young; else claim again, or give up where that was done already."""
        if w.age:
            yield Label(f"{w.at}, late", w.upload), self._about_to_write(s, w, At.RECLAIMED)
            yield Label(f"{w.at}, too late", w.upload, is_fault=True), self._about_to_write(s, w, At.RELEASED)
            return
        if s.is_sure and s.shown == self.promises.picture(w.upload):
            self.promises.broken(Promise.ONCE)
        yield Label(w.at, w.upload), _with(s, w._replace(at=At.ANSWER, repeated=False))

    def _answer(self, s: State, w: Worker) -> Iterator[Move]:
        is_over = w.age == self.config.ticks
        if not is_over:
            landed = self._land(s, w.upload)
            yield Label("answered 204", w.upload), self._about_to_write(landed, w, At.CONFIRMED, "updated")
        yield Label("refused", w.upload, is_fault=True), self._about_to_write(s, w, At.RELEASED)
        if s.left.silences or is_over:
            left = s.left._replace(silences=max(s.left.silences - 1, 0))
            silent = self._fly(s, w)._replace(left=left)
            yield (
                Label("no answer", w.upload, is_fault=not is_over),
                self._about_to_write(silent, w, At.DOUBTED),
            )

    def _fly(self, s: State, w: Worker) -> State:
        flights = [(w.upload, self.config.ticks - w.age)] if w.age < self.config.ticks else []
        return s._replace(flights=tuple(sorted([*s.flights, *flights])))

    def _copy(self, s: State, w: Worker) -> Iterator[Move]:
        yield Label(w.at, w.upload), self._moving(s._replace(archive=s.archive | {w.upload}), w)

    def _delete(self, s: State, w: Worker) -> Iterator[Move]:
        if w.upload not in s.archive:
            self.promises.broken(Promise.KEPT)
        yield Label(w.at, w.upload), self._without(s, w.upload)

    _effects = {  # noqa: RUF012 - it does not change
        At.IS_CURRENT: _look,
        At.BC_PICTURE: _compare,
        At.KEEP: _keep,
        At.UPLOAD: _upload_picture,
        At.ANSWER: _answer,
        At.COPY: _copy,
        At.DELETE: _delete,
    }

    # --- where it goes ---

    def onward(self, s: State, moves: list[Move]) -> State | None:
        """Return where it goes when nothing more goes wrong and everybody is patient; None where nothing can go on."""
        ranks = {At.READ_RECORD: 3, "upload": 1, "time passes": 2 if self._is_waiting(s) else 4}
        sure = [(ranks.get(label.event, 0), i) for i, (label, _) in enumerate(moves) if not label.is_fault]
        return moves[min(sure)[1]][1] if sure else None

    def _is_waiting(self, s: State) -> bool:
        return self.decisions.is_pending(s.record, s.age)


def _with(s: State, w: Worker) -> State:
    return s._replace(workers=tuple(sorted((*s.workers, w))))
