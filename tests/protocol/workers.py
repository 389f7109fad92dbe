"""Models what a worker does, effect by effect, as ``Placement.place`` and ``Mover`` do it.

``s`` is the state without the worker ``w``.
"""

from collections.abc import Iterator

from shared.item_record import Step
from tests.protocol.decisions import Decisions, Rules
from tests.protocol.promises import Promises
from tests.protocol.states import (
    ANSWERED,
    BEFORE,
    BEFORE_ANY_EFFECT,
    BY_HAND,
    MOVES,
    NONE,
    OBSERVATIONS,
    REFUSED,
    REFUSED_WHEN_STALE,
    UNANSWERED,
    WRITES,
    At,
    Config,
    Label,
    Move,
    Promise,
    State,
    Worker,
)


class Workers:
    """Yields the moves of one worker."""

    def __init__(self, config: Config, decisions: Decisions, promises: Promises, rules: Rules) -> None:
        self.config, self.decisions, self.promises, self.rules = config, decisions, promises, rules
        self.steps: set[Step] = set()

    def begun(self, s: State, upload: int) -> State:
        """Return the state after another worker has read the record."""
        return self._decided(s, Worker(At.READ_RECORD, upload, s.record, s.age))

    def moves(self, s: State, w: Worker) -> Iterator[Move]:
        """Yield what the worker can do next, and how it can fail."""
        yield from self._write(s, w) if w.at in WRITES else self._effects[w.at](self, s, w)
        if w.at in MOVES:
            yield Label(f"{w.at} fails", w.upload, is_fault=True), s
        elif s.budget.crashes and w.at not in BEFORE_ANY_EFFECT:
            budget = s.budget._replace(crashes=s.budget.crashes - 1)
            if w.at is At.ANSWER:
                event, crashed = f"crashes during {w.at}", self._in_flight(s, w)
            else:
                event, crashed = f"crashes before {w.at}", s
            yield Label(event, w.upload, is_fault=True), crashed._replace(budget=budget)

    def after_a_tick(self, w: Worker) -> Worker:
        if w.at in OBSERVATIONS:
            ages = w.is_fresh and self.decisions.depends_on_time(w.record)
            return w._replace(lag=min(w.lag + ages, self.config.ticks))
        age = 0 if w.at in WRITES else self.decisions.older(w.record, w.age)
        return w._replace(record=self.decisions.later(w.record, 1), age=age)

    def landed(self, s: State, upload: int) -> State:
        """Return the state in which BC shows the picture; the picture that it had before us must be saved by then."""
        if self.config.keep_existing and s.bc_picture == BEFORE and not s.is_before_saved:
            self.promises.broken(Promise.BEFORE_SAVED)
        return s._replace(bc_picture=self.promises.picture(upload))

    # --- decide ---

    def _is_current(self, s: State, w: Worker) -> Iterator[Move]:
        yield Label(w.at, w.upload), self._decided(s, w._replace(is_current=int(w.upload in s.incoming)))

    def _bc_picture(self, s: State, w: Worker) -> Iterator[Move]:
        yield Label(w.at, w.upload), self._decided(s, w, s.bc_picture)

    def _decided(self, s: State, w: Worker, bc_picture: str = "") -> State:  # noqa: PLR0911 - a table
        """Return the state once the worker knows its next step: the loop in ``Placement.place``."""
        step = self.decisions.step(w.record, w.age, w.upload, w.is_current, bc_picture)
        self.steps.add(step)
        match step:
            case Step.WAIT:  # the worker ends; reading again is another delivery
                return s
            case Step.SETTLE:
                return self._settling(s, w)
            case Step.DONE:
                is_first = s.newest_done == NONE
                newest = w.upload if is_first else max(w.upload, s.newest_done, key=self.promises.newness)
                return self._moving(s._replace(newest_done=newest), w)
            case Step.SUPERSEDED:
                return self._moving(s, w)
            case Step.CHECK_SOURCE:
                return s.with_worker(w._replace(at=At.IS_CURRENT))
            case Step.COMPARE:
                return s.with_worker(w._replace(at=At.BC_PICTURE))
            case Step.ADOPT:
                return self._about_to_write(s, w, At.ADOPTED, bc_picture)
            case Step.WRITE:
                return self._claiming(s, w)

    def _settling(self, s: State, w: Worker) -> State:
        if not self.rules.keeps_settling:
            return self._left_as_settling(s, w)
        return s if w.upload in s.marked else s.with_worker(Worker(At.KEEP_SETTLING, w.upload))

    def _left_as_settling(self, s: State, w: Worker) -> State:
        uploads = {w.upload, s.newest_settling} - {NONE}
        return s._replace(newest_settling=max(uploads, key=self.promises.newness))

    def _moving(self, s: State, w: Worker) -> State:
        s = s._replace(marked=s.marked - {w.upload})
        if w.upload in s.archive and w.upload not in s.incoming:
            return s
        return s.with_worker(Worker(At.DELETE if w.upload in s.archive else At.COPY, w.upload))

    def _claiming(self, s: State, w: Worker) -> State:
        keeps = self.config.keep_existing and self.decisions.records[w.record].on is None
        has_tried = self.decisions.has_tried(w.record, w.upload)
        return self._about_to_write(s, w._replace(before=w.record if keeps else NONE, repeated=has_tried), At.CLAIMED)

    # --- change the record ---

    def _about_to_write(self, s: State, w: Worker, at: At, detail: str = "") -> State:
        """Return the state in which the worker has decided on its change of the record and only has to write it."""
        changed = self.decisions.changed(at, w.record, w.age, w.upload, detail)
        return self._unless_stale(s, w._replace(at=at, record=self.decisions.later(changed, w.lag), age=0, lag=0))

    def _unless_stale(self, s: State, w: Worker) -> State:
        """Leave out a worker that can only try a change that will be refused.

        It would read the record again, as any delivery may at any moment, even if the record already has that change.
        """
        if w.is_fresh:
            return s.with_worker(w)
        if w.at is At.IS_CURRENT:  # its remaining effects do not depend on time
            return s.with_worker(w._replace(age=0, lag=0))
        return s if w.at in REFUSED_WHEN_STALE else s.with_worker(w)

    def _write(self, s: State, w: Worker) -> Iterator[Move]:
        """Write the record under its ETag; ``_overtaking`` has left out the writes that would be refused."""
        if w.is_asking_again:
            yield Label(f"finds {w.at} already written", w.upload), self._written(s, w)
            return
        written = self._overtaking(self._claims_noted(s, w)._replace(record=w.record, age=0))
        yield Label(f"writes {w.at}", w.upload), self._written(written, w)
        if s.budget.resent_writes:
            budget = s.budget._replace(resent_writes=s.budget.resent_writes - 1)
            unaware = written._replace(budget=budget).with_worker(w._replace(is_asking_again=True))
            yield Label(f"writes {w.at}, answer lost", w.upload, is_fault=True), unaware

    def _claims_noted(self, s: State, w: Worker) -> State:
        """Note who claims the item; an upload that claims again must know it, unless it failed for sure."""
        if w.at is At.CLAIMED:
            if s.last_claimant == w.upload and not w.repeated:
                self.promises.broken(Promise.REPEATS_REPORTED)
            before = self.decisions.records[s.record]
            return s._replace(last_claimant=w.upload, is_certain=s.is_certain and not (before.claim or before.doubt))
        has_failed = w.at is At.RELEASED or (w.at is At.ADOPTED and not self.decisions.records[w.record].doubt)
        return s._replace(last_claimant=NONE) if has_failed else s

    def _overtaking(self, s: State) -> State:
        """Return the state in which no other worker knows the record's ETag."""
        overtaken = s._replace(workers=())
        for w in s.workers:
            is_unaffected = w.at in MOVES or not self.rules.has_etags
            overtaken = self._unless_stale(overtaken, w if is_unaffected else w._replace(is_fresh=False))
        return overtaken

    def _written(self, s: State, w: Worker) -> State:
        """Return the state once the worker knows that its change is written."""
        match w.at:
            case At.DOUBTED | At.RELEASED:
                return s
            case At.CLAIMED | At.RECLAIMED:
                at = At.KEEP if w.before != NONE else At.UPLOAD
                return s.with_worker(w._replace(at=at, age=s.age, is_asking_again=False))
        return self._decided(s, Worker(w.at, w.upload, w.record))

    # --- write the picture ---

    def _keep(self, s: State, w: Worker) -> Iterator[Move]:
        """Ask BC and save its picture; if the claim is old by then, claim again first, or give up."""
        if s.bc_picture == self.promises.picture(w.upload):
            yield Label(w.at, w.upload), self._about_to_write(s, w, At.CONFIRMED, "unchanged")
            return
        if w.age and self.rules.renews_before_keeping:
            yield from self._too_late(s, w)
            return
        is_ours = self.decisions.has_written(w.before, s.bc_picture)
        if not is_ours and s.bc_picture not in (BEFORE, BY_HAND):
            self.promises.broken(Promise.OURS_NOT_KEPT)
        is_saved = s.is_before_saved or (s.bc_picture == BEFORE and not is_ours)
        saved = s._replace(is_before_saved=is_saved)
        yield Label(w.at, w.upload), saved.with_worker(w._replace(at=At.UPLOAD, before=NONE))

    def _too_late(self, s: State, w: Worker) -> Iterator[Move]:
        yield Label(f"{w.at} is late, claims again", w.upload), self._about_to_write(s, w, At.RECLAIMED)
        gives_up = Label(f"{w.at} is too late, gives up", w.upload, is_fault=True)
        yield gives_up, self._about_to_write(s, w, At.RELEASED)

    def _upload_picture(self, s: State, w: Worker) -> Iterator[Move]:
        """Begin the request while the claim is young; if it is old, claim again, or give up after a second claim."""
        if w.age:
            yield from self._too_late(s, w)
            return
        if s.is_certain and s.bc_picture == self.promises.picture(w.upload):
            self.promises.broken(Promise.WRITTEN_ONCE)
        yield Label(w.at, w.upload), s.with_worker(w._replace(at=At.ANSWER, repeated=False))

    def _answer(self, s: State, w: Worker) -> Iterator[Move]:
        is_over = w.age == self.config.ticks
        if not is_over:
            landed = self.landed(s, w.upload)
            yield Label(ANSWERED, w.upload), self._about_to_write(landed, w, At.CONFIRMED, "updated")
        yield Label(REFUSED, w.upload, is_fault=True), self._about_to_write(s, w, At.RELEASED)
        if s.budget.unanswered or is_over:
            budget = s.budget._replace(unanswered=max(s.budget.unanswered - 1, 0))
            unanswered = self._in_flight(s, w)._replace(budget=budget)
            label = Label(UNANSWERED, w.upload, is_fault=not is_over)
            yield label, self._about_to_write(unanswered, w, At.DOUBTED)

    def _in_flight(self, s: State, w: Worker) -> State:
        requests = [(w.upload, self.config.ticks - w.age)] if w.age < self.config.ticks else []
        return s._replace(in_flight=tuple(sorted([*s.in_flight, *requests])))

    # --- move the source ---

    def _keep_settling(self, s: State, w: Worker) -> Iterator[Move]:
        """Copy to the archive and leave the mark for the sweep; the copy saves what was read if the source is gone."""
        kept = s._replace(archive=s.archive | {w.upload}, marked=s.marked | {w.upload})
        yield Label(w.at, w.upload), self._left_as_settling(kept, w)

    def _copy(self, s: State, w: Worker) -> Iterator[Move]:
        yield Label(w.at, w.upload), self._moving(s._replace(archive=s.archive | {w.upload}), w)

    def _delete(self, s: State, w: Worker) -> Iterator[Move]:
        if w.upload not in s.archive:
            self.promises.broken(Promise.NOTHING_LOST)
        yield Label(w.at, w.upload), s.without_source(w.upload)

    _effects = {  # noqa: RUF012 - it does not change
        At.IS_CURRENT: _is_current,
        At.BC_PICTURE: _bc_picture,
        At.KEEP: _keep,
        At.UPLOAD: _upload_picture,
        At.ANSWER: _answer,
        At.KEEP_SETTLING: _keep_settling,
        At.COPY: _copy,
        At.DELETE: _delete,
    }
