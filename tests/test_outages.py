"""After an outage everything heals without a hand, however long it lasted, and nothing is in quarantine.

Storage's clock is moved, by which alone the app judges ages; BC's stays, or our tokens would expire. The eight days
pass with sweeps that are as rare as they may be: up to 30 minutes apart, BC counts as asked without a gap.
"""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace

import pytest

from shared.report import SweepReport
from shared.storage import names
from tests.support.faulty_storage import storage_proxy
from tests.support.item_pictures import picture_of
from tests.support.local_stack import DESK, LocalStack, ManualClock

BEFORE, DURING, AFTER = "CRONUS USA, Inc/1900-S.jpg", "CRONUS USA, Inc/1906-S.jpg", "CRONUS USA, Inc/1908-S.jpg"
SOON, NEVER = "CRONUS USA, Inc/SOON.jpg", "CRONUS USA, Inc/NEVER.jpg"
TWO_HOURS, EIGHT_DAYS = {"hours": 2, "every": 5}, {"hours": 8 * 24, "every": 29}
BLUE, RED = "#3355aa", "#aa3322"


class Days:
    """Lets time pass, with sweeps in it, for one process of the app."""

    def __init__(self, local: LocalStack, **settings: str) -> None:
        self.local, self.clock = local, ManualClock()
        self.start(**settings)
        self.seconds = 0.0

    def start(self, **settings: str) -> None:
        """Start a process of the app. It renders in this process: hundreds of sweeps would start as many others."""
        app = self.local.app(clock=self.clock, **settings)
        self.app = replace(app, sweep=replace(app.sweep, renderers=lambda: nullcontext(app.pipeline.render)))

    def pass_(self, hours: float, every: float) -> list[SweepReport]:
        """Sweep every so many minutes, for so many hours; return the sweeps' reports."""
        reports = []
        for _ in range(int(hours * 60 / every)):
            self.seconds += every * 60
            self.clock.now += every * 60
            assert self.local.stack.storage_clock
            self.local.stack.storage_clock.set(self.seconds)
            reports.append(self._sweep())
        return reports

    def _sweep(self) -> SweepReport:
        try:
            return self.app.sweep.run()
        except Exception as error:  # noqa: BLE001 - the host goes on whatever a function raises, and so do the days
            return SweepReport("", stopped=str(error))


def everything_heals(
    days: Days, begin: Callable[[], object], end: Callable[[], object], hours: float, every: float
) -> None:
    """Upload before, during and after the outage; a doubt and a missing item are caught by it."""
    local = days.local
    local.upload(SOON, picture_of(BLUE))
    _leave_settling(local)
    local.upload(BEFORE, picture_of(BLUE))
    begin()
    days.pass_(hours / 2, every)
    local.upload(DURING, picture_of(BLUE))
    local.control("POST", "items", company_id=local.stack.endpoints.company_id, number="SOON")
    assert not any("updated" in report.outcomes for report in days.pass_(hours / 2, every))
    assert {BEFORE, DURING, SOON} <= set(local.names(names.INCOMING))
    end()
    local.upload(AFTER, picture_of(BLUE))
    days.pass_(hours=1.5, every=5)
    assert local.names(names.INCOMING) == local.names(names.QUARANTINE) == []
    assert _uploads_shown(local) == {"1896-S", "1900-S", "1906-S", "1908-S", "SOON"}


def _leave_settling(local: LocalStack) -> None:
    local.upload(DESK, picture_of(RED))
    local.fault(drop=True, method="PATCH", count=1, applied=True)
    with pytest.raises(Exception, match="bc_no_answer"):
        local.pipeline().process(names.INCOMING, DESK)


def _uploads_shown(local: LocalStack) -> set[str]:
    """Return the numbers of all items that have a picture."""
    endpoints = local.stack.endpoints
    url = f"{endpoints.business_central_url}/companies({endpoints.company_id})/items"
    headers = {"Authorization": f"Bearer {endpoints.business_central_token}"}
    answer = local._session.get(url, params={"$expand": "picture"}, headers=headers, timeout=30)  # noqa: SLF001 - the stack's own
    return {item["number"] for item in answer.json()["value"] if item["picture"]["width"]}


@pytest.mark.parametrize("length", [TWO_HOURS, EIGHT_DAYS], ids=["two hours", "eight days"])
def test_bc_is_down(local: LocalStack, length: dict[str, float]) -> None:
    days = Days(local)
    everything_heals(days, lambda: local.fault(503, count=None), lambda: local.control("DELETE", "faults"), **length)


@pytest.mark.long
@pytest.mark.parametrize("permission", ["Read", "Modify"])
def test_the_permission_is_missing_for_eight_days(local: LocalStack, permission: str) -> None:
    days = Days(local)
    everything_heals(
        days,
        lambda: local.control("POST", "permissions", permission=permission),
        lambda: local.control("DELETE", "permissions"),
        **EIGHT_DAYS,
    )


@pytest.mark.long
def test_bc_forgets_the_company_for_eight_days(local: LocalStack) -> None:
    absence = f"companies/{local.stack.endpoints.company_id}/absence"
    everything_heals(
        Days(local),
        lambda: local.control("POST", absence, absent=True),
        lambda: local.control("POST", absence, absent=False),
        **EIGHT_DAYS,
    )


def test_the_identity_gives_no_token_for_two_hours(local: LocalStack, monkeypatch: pytest.MonkeyPatch) -> None:
    days = Days(local)

    def present(header: str) -> None:
        monkeypatch.setenv("IDENTITY_HEADER", header)
        days.start()  # a process that starts in the outage has no token yet

    right = local.stack.app_settings["IDENTITY_HEADER"]
    everything_heals(days, lambda: present("wrong"), lambda: present(right), **TWO_HOURS)


def test_storage_refuses_us_for_two_hours(local: LocalStack) -> None:
    refusing: list[bool] = []
    connection_string = local.stack.endpoints.storage_connection_string
    with storage_proxy(connection_string, lambda *_: (403, "AuthorizationFailure") if refusing else None) as proxied:
        days = Days(local, PICTURE_STORAGE=proxied)
        everything_heals(days, lambda: refusing.append(True), refusing.clear, **TWO_HOURS)


@pytest.mark.long
def test_waiting_ends_only_after_a_day_of_answers(local: LocalStack) -> None:
    days = Days(local)
    local.upload(NEVER)
    local.fault(503, count=None)
    days.pass_(**EIGHT_DAYS)
    local.control("DELETE", "faults")
    days.pass_(hours=12, every=29)
    local.fault(503, count=None)
    days.pass_(hours=1, every=29)
    local.control("DELETE", "faults")
    days.pass_(hours=23.5, every=29)
    assert local.names(names.INCOMING) == [NEVER]
    days.pass_(hours=8, every=29)
    assert local.names(names.INCOMING) == []
    (original, _) = local.names(names.QUARANTINE)
    assert original.startswith("item_not_found/")
