"""Carries the plan out: uploads and new items in their time, and meanwhile the trouble."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from threading import Thread
from uuid import UUID

from devstack import stack
from devstack.benchmarks.soak.plan import Item, Plan, Upload
from devstack.benchmarks.soak.simulator import Simulator
from devstack.benchmarks.soak.storage_faults import StorageFaults
from devstack.benchmarks.soak.trouble import STORAGE_DOWN, STORAGE_FAULTS, Kind, Spell
from devstack.benchmarks.soak.uploader import Uploader

_LOOK_EVERY = 0.1  # seconds
_LOG_EVERY = 10  # looks; the simulator keeps its last 10,000 requests
_OF_HOSTS = (Kind.KILLED, Kind.WORKER_KILLED, Kind.FROZEN)


@dataclass
class Course:
    """Runs one plan; ``incidents`` are the spells that befell hosts, by the machine's time."""

    plan: Plan
    uploader: Uploader
    simulator: Simulator
    storage: StorageFaults
    running: stack.Stack
    troubled_company: UUID
    say: Callable[[str], None]
    incidents: list[Spell] = field(default_factory=list)
    _failure: BaseException | None = None

    def run(self, spells: Sequence[Spell]) -> None:
        """Upload everything under all the trouble; then end all trouble."""
        started = time.monotonic()
        self.storage.set(STORAGE_FAULTS)
        uploading = Thread(target=self._upload, args=(started,), name="uploads", daemon=True)
        uploading.start()
        try:
            self._trouble(spells, started)
        finally:
            self._heal()
        uploading.join()
        if self._failure:
            raise self._failure

    def _upload(self, started: float) -> None:
        steps: list[tuple[float, Upload | Item]] = [(upload.at, upload) for upload in self.plan.uploads]
        steps += [(item.appears, item) for item in self.plan.items if item.appears]
        try:
            for at, step in sorted(steps, key=lambda timed: timed[0]):
                time.sleep(max(0.0, started + at - time.monotonic()))
                if isinstance(step, Item):
                    self.simulator.create(step)
                else:
                    self.uploader.send(step)
        except BaseException as error:  # noqa: BLE001 - the other thread raises it
            self._failure = error

    def _trouble(self, spells: Sequence[Spell], started: float) -> None:
        before: list[Spell] = []
        looks, now = 0, 0.0
        self._disturb([])
        while now < self.plan.seconds and not self._failure:
            now = time.monotonic() - started
            lasting = [spell for spell in spells if spell.start <= now < spell.end]
            instant = [spell for spell in spells if spell.start == spell.end and spell.start <= now]
            spells = [spell for spell in spells if spell not in instant]
            for spell in instant:
                self._strike(spell)
            if lasting != before:
                self._change(before, lasting)
                before = lasting
            if looks % _LOG_EVERY == 0:
                self.simulator.keep_log()
                self.running.fail_if_ended()
                self.say(f"{len(self.uploader.ledger.sent)} of {len(self.plan.uploads)} uploads; {_words(lasting)}")
            looks += 1
            time.sleep(_LOOK_EVERY)

    def _change(self, before: Sequence[Spell], lasting: Sequence[Spell]) -> None:
        for spell in lasting:
            if spell.kind is Kind.FROZEN and spell not in before:
                self.running.hosts[spell.detail].freeze()
        for spell in before:
            if spell.kind is Kind.FROZEN and spell not in lasting:
                self.running.hosts[spell.detail].resume()
                self._record(spell)
        changed = [spell for spell in (*before, *lasting) if (spell in before) != (spell in lasting)]
        if any(spell.kind is Kind.STORAGE_DOWN for spell in changed):
            is_down = any(spell.kind is Kind.STORAGE_DOWN for spell in lasting)
            self.storage.set(STORAGE_DOWN if is_down else STORAGE_FAULTS)
        if any(spell.kind not in (*_OF_HOSTS, Kind.STORAGE_DOWN) for spell in changed):
            self._disturb(lasting)

    def _strike(self, spell: Spell) -> None:
        host = self.running.hosts[spell.detail]
        (host.kill if spell.kind is Kind.KILLED else host.kill_worker)()
        self._record(spell)

    def _record(self, spell: Spell) -> None:
        now = time.time()
        self.incidents.append(replace(spell, start=now - (spell.end - spell.start), end=now))

    def _disturb(self, lasting: Sequence[Spell]) -> None:
        self.simulator.disturb(lasting, faults=True, company=self.troubled_company)

    def _heal(self) -> None:
        for host in self.running.hosts:
            host.resume()
        self.storage.set({})
        self.simulator.disturb([], company=self.troubled_company)


def _words(spells: Sequence[Spell]) -> str:
    return ", ".join(sorted({spell.kind.value for spell in spells})) or "only the usual faults"
