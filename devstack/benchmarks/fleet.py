"""Simulates a fleet of this app's instances in front of one identity's share of Business Central.

The slots wait and repeat by the app's own ``Throttle`` and ``PatientRetry``. Everything else is a model: BC serves five
requests at a time in the order of their arrival, and also those whose caller has gone.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from random import Random

from urllib3.exceptions import MaxRetryError, ReadTimeoutError
from urllib3.response import HTTPResponse

from devstack.benchmarks.virtual_time import VirtualClock
from shared.business_central.http import Timeouts
from shared.business_central.retries import TURN_WITHIN, PatientRetry, Throttle

RUNNING, CONNECTIONS, REQUESTS, WINDOW = 5, 100, 6000, 300.0  # BC's limits for one identity
SWEEP_EVERY, SWEEP_BUDGET = 300.0, 240.0  # seconds


@dataclass(frozen=True)
class Work:
    """Seconds that a picture takes where nobody else is in the way, and its requests to BC, the last one a PATCH."""

    render: float = 0.1  # of its instance's one processor
    storage: float = 0.15
    requests: int = 2
    way: float = 0.02  # of a request to BC and back


@dataclass(frozen=True)
class Rules:
    """How the fleet is laid out, and what it does when BC is slow."""

    instances: int = 4
    slots: int = 4  # of one instance
    sweep_slots: int = 4
    read: float = Timeouts.read
    deliveries: int = 2
    paces: bool = True


BEFORE = Rules(instances=40, slots=2, sweep_slots=0, read=30, deliveries=5, paces=False)


@dataclass
class Result:
    """What became of the uploads."""

    uploads: int
    done_at: list[float] = field(default_factory=list)
    failed: int = 0  # deliveries
    poisoned: set[int] = field(default_factory=set)
    refused: int = 0  # answers of 429
    given_up: int = 0  # requests that BC served after their caller had gone
    longest_wait: float = 0.0  # seconds of an upload that had claimed its item, at the throttle

    def rate(self) -> float:
        """Return the pictures per second between the 10th and the 90th percentile of completions."""
        tenth = len(self.done_at) // 10
        return 8 * tenth / (self.done_at[-tenth - 1] - self.done_at[tenth - 1])


class Refused(Exception):
    """BC answered 429."""


class BusinessCentral:
    """Serves one identity; ``latency`` is what each request takes once it runs."""

    def __init__(self, clock: VirtualClock, latency: float, result: Result) -> None:
        self._clock, self._latency, self.result = clock, latency, result
        self._arrivals: deque[float] = deque()
        self._ends: deque[float] = deque()  # when those that run or wait will have been served

    def serve(self, timeout: float) -> None:
        """Take as long as the request takes.

        Raises:
            Refused: at once.
            TimeoutError: the caller has gone; BC has not noticed.
        """
        now = self._clock.now
        for times, until in ((self._arrivals, now - WINDOW), (self._ends, now)):
            while times and times[0] <= until:
                times.popleft()
        if len(self._arrivals) >= REQUESTS or len(self._ends) >= CONNECTIONS:
            self.result.refused += 1
            raise Refused
        self._arrivals.append(now)
        begins = self._ends[-RUNNING] if len(self._ends) >= RUNNING else now
        self._ends.append(begins + self._latency)
        takes = begins + self._latency - now
        self._clock.sleep(min(takes, timeout))
        if takes > timeout:
            self.result.given_up += 1
            raise TimeoutError


class Instance:
    """One process of the app, with a throttle and a processor of its own."""

    def __init__(self, clock: VirtualClock, business_central: BusinessCentral, work: Work, rules: Rules) -> None:
        self._clock, self._bc, self._work, self._rules = clock, business_central, work, rules
        self._result = business_central.result
        self._throttle = Throttle(clock.sleep, clock, Random(0).random)  # noqa: S311 - jitter, the same in every run
        self._processor_free = 0.0

    def deliver(self) -> bool:
        """Take one upload as far as it goes; returns whether its picture is on the item."""
        self._clock.sleep(self._work.storage / 3)
        self._processor_free = max(self._processor_free, self._clock.now) + self._work.render
        self._clock.sleep(self._processor_free - self._clock.now)
        arrives = all(self._request("GET") for _ in range(self._work.requests - 1)) and self._write()
        self._clock.sleep(self._work.storage / 3)
        return arrives

    def _write(self) -> bool:
        """Claim and PATCH, as ``Placement`` does."""
        give_up_at = self._clock.now + TURN_WITHIN
        while True:
            self._throttle.wait_turn(TURN_WITHIN)
            self._clock.sleep(self._work.storage / 3)
            status = self._request("PATCH")
            if status or status is None or not self._rules.paces or self._clock.now >= give_up_at:
                return bool(status)

    def _request(self, method: str) -> bool | None:
        """Return whether BC answered: False after a refusal, None without an answer."""
        arrived = self._clock.now
        retries = PatientRetry.at(self._throttle).after_throttle()
        if method == "PATCH":
            self._result.longest_wait = max(self._result.longest_wait, self._clock.now - arrived)
        timeout = self._rules.read if method == "GET" else Timeouts.write
        while True:
            response, error = None, None
            self._clock.sleep(self._work.way)
            try:
                self._bc.serve(timeout)
            except TimeoutError:
                error = ReadTimeoutError(None, "", "")  # type: ignore[arg-type] # it only names the pool
            except Refused:
                response = HTTPResponse(status=429, headers={} if self._rules.paces else {"Retry-After": "0"})
            else:
                return True
            try:
                retries = retries.increment(method, "", response, error)
            except (MaxRetryError, ReadTimeoutError):
                return None if error else False
            retries.sleep(response)


@dataclass
class Fleet:
    """Runs all slots until every upload is done or poisoned."""

    rules: Rules
    work: Work
    latency: float
    uploads: int

    def run(self) -> Result:
        """Drop all uploads at once, and return what became of them."""
        self._result, self._clock = Result(self.uploads), VirtualClock()
        self._bc = BusinessCentral(self._clock, self.latency, self._result)
        self._queue = deque((upload, 1) for upload in range(self.uploads))
        self._open, self._taken = set(range(self.uploads)), set[int]()
        for _ in range(self.rules.instances):
            instance = self._instance()
            for _ in range(self.rules.slots):
                self._clock.start(lambda instance=instance: self._take_deliveries(instance))  # type: ignore[misc]
        if self.rules.sweep_slots:
            self._clock.start(self._sweep_every_five_minutes)
        self._clock.run()
        return self._result

    def _instance(self) -> Instance:
        return Instance(self._clock, self._bc, self.work, self.rules)

    @property
    def _goes_on(self) -> bool:
        return bool(self._queue or self._taken or (self._open and self.rules.sweep_slots))

    def _take_deliveries(self, instance: Instance) -> None:
        while self._goes_on:
            if not self._queue:
                self._clock.sleep(1)
                continue
            upload, delivery = self._queue.popleft()
            if upload not in self._open or upload in self._taken or self._attempt(instance, upload):
                continue
            if delivery < self.rules.deliveries:
                self._queue.appendleft((upload, delivery + 1))  # the host delivers again at once
            else:
                self._result.poisoned.add(upload)

    def _attempt(self, instance: Instance, upload: int) -> bool:
        self._taken.add(upload)
        arrived = instance.deliver()
        self._taken.remove(upload)
        if arrived:
            self._open.remove(upload)
            self._result.done_at.append(self._clock.now)
        else:
            self._result.failed += 1
        return arrived

    def _sweep_every_five_minutes(self) -> None:
        instance, random = self._instance(), Random(0)  # noqa: S311 - an order, the same in every run
        while self._open:
            self._clock.sleep(SWEEP_EVERY)
            due = [upload for upload in self._open if upload not in self._taken]
            random.shuffle(due)
            until = self._clock.now + SWEEP_BUDGET
            for _ in range(self.rules.sweep_slots):
                self._clock.start(lambda due=due, until=until: self._sweep(instance, due, until))  # type: ignore[misc]

    def _sweep(self, instance: Instance, due: list[int], until: float) -> None:
        while due and self._clock.now < until:
            upload = due.pop()
            if upload in self._open and upload not in self._taken:
                self._attempt(instance, upload)


def bound(rules: Rules, work: Work, latency: float) -> dict[str, float]:
    """Return the most pictures per second that each part allows; the least of them is the fleet's bound."""
    unloaded = work.storage + work.render + work.requests * (latency + work.way)
    processes = rules.instances + bool(rules.sweep_slots)
    return {
        "rendering": processes / work.render,
        "slots": (rules.instances * rules.slots + rules.sweep_slots) / unloaded,
        "BC's five at a time": RUNNING / (latency * work.requests),
        "BC's 20 a second": REQUESTS / WINDOW / work.requests,
    }
