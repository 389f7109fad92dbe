"""Takes up what is still in incoming: lost events, used-up deliveries, items that have appeared, doubts that ended.

It processes the uploads itself. No queue and no other instance would help: BC runs five requests at a time for one
identity, wherever they come from.
"""

from collections import defaultdict, deque
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from queue import Empty, SimpleQueue

from shared.errors import Transient
from shared.pipeline import Pipeline
from shared.rendering import Render
from shared.report import SweepReport, sweep_finished
from shared.settling import Settling
from shared.storage.incoming import Incoming
from shared.storage.names import INCOMING
from shared.storage.sweep_states import LeasedState, SweepStates
from shared.sweep_budget import SweepBudget
from shared.sweep_look_up import ItemLookUp, Task
from shared.sweep_plan import Candidate, SweepState, shuffled
from shared.sweep_tally import Tally

AT_ONCE = 4  # uploads; together with the trigger's they share the five requests that BC runs at a time
WINDOW = 20_000  # uploads that one run holds, about 25 MiB; the rest of the list waits for the next run
_LIST_WITHIN = 90.0  # seconds for reading the list
_SETTLE_WITHIN = 150.0  # seconds for that and for what settles: after trouble with BC there may be thousands


@dataclass(frozen=True)
class Sweep:
    """Sweeps incoming; one per process.

    ``setup`` stands for the settings that decide which item an upload means. ``renderers`` starts processes for the
    renders of one run.
    """

    pipeline: Pipeline
    incoming: Incoming
    states: SweepStates
    renderers: Callable[[], AbstractContextManager[Render]]
    clock: Callable[[], float]
    setup: str
    window: int = WINDOW

    def run(self) -> SweepReport:
        """Sweep once; does nothing, and logs nothing, while another run is active.

        Raises:
            Transient: ``storage``: the state or the list could not be read, or the state not be written.
        """
        report = SweepReport(self.pipeline.telemetry.request_id())
        budget = SweepBudget(self.clock, lambda: self.pipeline.business_central.check(report.sweep_id))
        held = self.states.lease()
        if held is None:
            report.stopped = "Another sweep is active."
            return report
        with held.kept():
            state = self._sweep(held, budget, report)
        report.milliseconds = round(budget.seconds * 1000, 1)
        sweep_finished(report)
        held.end(state)
        return report

    def _sweep(self, held: LeasedState, budget: SweepBudget, report: SweepReport) -> SweepState:
        state = held.state.begun(held.seen_at, self.setup)
        due, marker = self._due(state, budget, report)
        state = state.listed(marker)
        held.write(state)  # a run that dies must not begin with the same uploads for ever
        budget.probe()
        tally = Tally(report)
        if budget.may_begin():
            state = self._take_up_all(due, state.answered(held.seen_at), held.seen_at, budget, tally)
        else:
            tally.not_looked_up(due)
        if budget.stopped_by:
            report.stopped, report.reason = budget.stopped_by.detail, budget.stopped_by.reason
            state = state.unanswered()
        elif report.not_begun:
            report.stopped = "The time was over. The next sweep goes on."
        return state

    def _due(self, state: SweepState, budget: SweepBudget, report: SweepReport) -> tuple[list[Candidate], str | None]:
        """Return the uploads that have a turn, and where the list goes on."""
        due: list[Candidate] = []
        marker = None
        min_age = self.pipeline.settings.sweep_min_age
        for page in self.incoming.pages(state.marker):
            report.incoming += len(page.uploads)
            due += [upload for upload in page.uploads if upload.age >= min_age and state.is_due(upload)]
            marker = page.marker
            if len(due) >= self.window or budget.seconds >= _LIST_WITHIN:
                break
        report.looked_at = len(due)
        return due, marker or None

    def _take_up_all(
        self, due: list[Candidate], state: SweepState, now: datetime, budget: SweepBudget, tally: Tally
    ) -> SweepState:
        with self.renderers() as render:
            pipeline = replace(self.pipeline, render=render, telemetry=self.pipeline.telemetry.linked())
            moved, failures = _settle(Settling(pipeline), state, budget, tally)
            due = [upload for upload in due if upload.name not in moved]
            found = ItemLookUp(pipeline, state, now, tally.sweep_id, budget).run(due)
            found.failures += failures
            tally.look_ups(found)
            for company in found.answered:
                state = state.company_answered(company, now)
            for company in found.failed:
                state = state.company_failed(company)
            _in_threads(_by_item(found.tasks, state.run), pipeline, budget, tally)
        return state


def _settle(
    settling: Settling, state: SweepState, budget: SweepBudget, tally: Tally
) -> tuple[set[str], list[Transient]]:
    """Settle what can be; returns the uploads that have left incoming, and why that failed: no upload waits for it."""
    try:
        settled = settling.settle(lambda: budget.may_begin() and budget.seconds < _SETTLE_WITHIN, state, budget.failed)
    except Transient as failure:
        return set(), [failure]
    for report in settled.reports:
        tally.settled(report)
    return settled.moved, []


def _in_threads(groups: list[deque[Task]], pipeline: Pipeline, budget: SweepBudget, tally: Tally) -> None:
    """Take up several items at once, the uploads of one item one after the other.

    The items take turns: one with thousands of uploads must not keep the others waiting.
    """
    queue: SimpleQueue[deque[Task]] = SimpleQueue()
    for group in groups:
        queue.put(group)

    def work() -> None:
        with suppress(Empty):
            while True:
                group = queue.get_nowait()
                _take_up(group.popleft(), pipeline, budget, tally)
                if group:
                    queue.put(group)

    with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="sweep") as threads:
        for worker in [threads.submit(work) for _ in range(min(AT_ONCE, len(groups)))]:
            worker.result()


def _take_up(task: Task, pipeline: Pipeline, budget: SweepBudget, tally: Tally) -> None:
    if not budget.may_begin():
        tally.not_begun(task.candidate)
        return
    try:
        report = pipeline.process(INCOMING, task.candidate.name, task.take_up)
    except Exception:  # noqa: BLE001 - the pipeline has logged it, and one upload must not end the sweep
        tally.failed(task.candidate)
        budget.failed()
    else:
        tally.count(report, task.candidate)
        budget.succeeded()


def _by_item(tasks: Iterable[Task], run: int) -> list[deque[Task]]:
    """Return the uploads of each item together, newest first: then the older ones need no PATCH.

    Side by side they would wait for each other's claim.
    """
    groups: dict[str, list[Task]] = defaultdict(list)
    for task in tasks:
        groups[task.take_up.item.id if task.take_up.item else f"/{task.candidate.name}"].append(task)
    ordered = [deque(sorted(group, key=_newness, reverse=True)) for group in groups.values()]
    return shuffled(ordered, run, lambda group: (group[0].company, group[0].candidate.name))


def _newness(task: Task) -> tuple[timedelta, str]:
    """Return what orders uploads as the item records do: within a second, the greater name is newer."""
    return -task.candidate.age, task.candidate.name
