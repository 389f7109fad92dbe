"""Runs a soak: uploads under trouble, then the wait until everything is at rest, then the audit."""

import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from devstack import stack
from devstack.benchmarks.soak import (
    audit,
    evidence,
    mutants,
    names,
    plan,
    rest,
    scale,
    trouble,
)
from devstack.benchmarks.soak.audit_pictures import by_hand
from devstack.benchmarks.soak.course import Course
from devstack.benchmarks.soak.evidence import Evidence
from devstack.benchmarks.soak.ledger import Ledger
from devstack.benchmarks.soak.plan import Company
from devstack.benchmarks.soak.result import Soak
from devstack.benchmarks.soak.simulator import Simulator
from devstack.benchmarks.soak.storage_faults import Proxies
from devstack.benchmarks.soak.uploader import Uploader
from devstack.programs import EventFaults

HOSTS = 3
# Seconds to wait for less to be left: a chain of doubts, each looked after by the next sweep. Some mutants never rest.
PATIENCE, MUTANTS_PATIENCE = 120.0, 45.0
COMPANIES = (
    Company(
        UUID("ed8c4463-bbf3-5e8d-8254-829373e2e2dd"),
        "CRONUS USA, Inc.",
        ("CRONUS USA, Inc", "cronus usa, inc", "ed8c4463-bbf3-5e8d-8254-829373e2e2dd"),
        is_default=True,
    ),
    Company(
        UUID("1bf1090c-4e3d-538c-879b-a3a4bfde73af"),
        "NORDWIND",
        ("NORDWIND", "Nordwind", "Nordwind Möbel GmbH", "1BF1090C-4E3D-538C-879B-A3A4BFDE73AF"),
        is_default=False,
    ),
)


class Outcomes:
    """Counts the outcomes and reasons in the app's own log lines, and keeps the failures that have no reason."""

    def __init__(self) -> None:
        self.counts: dict[str, int] = {}
        self.bugs: list[str] = []

    def __call__(self, line: str) -> None:
        """Count one line of a host's output."""
        try:
            event = json.loads(line)
        except ValueError:
            return
        if event.get("event") == "upload_failed" and not event.get("reason"):
            self.bugs.append(line)
        words = (event.get("event"), event.get("outcome"), event.get("reason"))
        key = " ".join(str(word) for word in words if word)
        self.counts[key] = self.counts.get(key, 0) + 1


def run(uploads: int, seed: int, *, mutant: str | None = None, say: Callable[[str], None] = lambda _text: None) -> Soak:
    """Run one soak and judge it. Long, because it shows the order of things."""
    started, outcomes = time.monotonic(), Outcomes()
    the_plan = plan.make(uploads, seed, COMPANIES)
    ledger = Ledger(the_plan)
    with ExitStack() as ending:
        proxies, folder = Proxies(ending, seed), Path(ending.enter_context(TemporaryDirectory()))
        running = ending.enter_context(
            stack.running(
                outcomes,
                hosts=HOSTS,
                sweep_schedule=scale.SWEEP_SCHEDULE,
                app_settings=_settings(mutant),
                app_folder=scale.app_folder(folder),
                storage_for_app=proxies.start,
                event_faults=EventFaults(twice=0.3, late=0.2, lost=0.1, seed=seed),
                visibility=scale.VISIBILITY,
                say=say,
            )
        )
        endpoints, service, proxy = running.endpoints, running.storage(), proxies.started()
        simulator = Simulator(endpoints.simulator_control_url, seed)
        simulator.prepare(the_plan.items, by_hand)
        course = Course(the_plan, Uploader(service, ledger), simulator, proxy, running, COMPANIES[1].id, say)
        course.run(trouble.make(the_plan.seconds, seed, HOSTS))
        rested = rest.wait(service, ledger, simulator, MUTANTS_PATIENCE if mutant else PATIENCE, say)
        say("Collecting the evidence")
        found = Evidence(
            evidence.read_blobs(service),
            evidence.read_pictures(endpoints.business_central_url, endpoints.business_central_token, the_plan.items),
            {item.id: simulator.writes(item) for item in the_plan.items},
            simulator.requests,
            proxy.met(),
            course.incidents,
        )
    verdict = audit.judge(ledger, found)
    return Soak(ledger, found, verdict, time.monotonic() - started, rested, outcomes.counts, outcomes.bugs)


def _settings(mutant: str | None) -> dict[str, str]:
    settings = {"BLOB_PATH_TEMPLATE": names.TEMPLATE, **scale.SETTINGS}
    return settings | ({mutants.SETTING: mutant} if mutant else {})
