"""The sweep under hardship: damaged states, BC that answers slowly or only with refusals, odd names."""

import json

import pytest

from shared.storage import names
from tests.support.local_stack import LocalStack, ManualClock, photograph
from tests.test_sweep import STATE, sweep
from tests.test_waiting import UNKNOWN_ITEM

SOUND = {"version": 1, "run": 7, "round": 3, "round_runs": 0, "period": 1, "marker": None, "setup": ""}
TIMES = {"ended_at": "2020-01-01T00:00:00+00:00", "answered_since": "2020-01-01T00:00:00+00:00"}


def add_company(local: LocalStack, name: str, *numbers: str) -> None:
    company = local.control("POST", "companies", name=name)
    for number in numbers:
        local.control("POST", "items", company_id=company["id"], number=number)


@pytest.mark.parametrize(
    "damage",
    [
        {"companies": {"cronus usa, inc": "2020-01-01T00:00:00"}},
        {"marker": 5},
        {"marker": ["a"]},
        {"marker": "garbage!"},
        {"version": 2, "renamed": True},
        {"run": -1, "round": 10**30},
    ],
    ids=["time without zone", "marker 5", "marker list", "marker garbage", "later version", "numbers"],
)
def test_a_damaged_state_never_stops_the_sweep(local: LocalStack, damage: dict[str, object]) -> None:
    app = local.app()
    held = app.sweep.states.lease()
    assert held
    held.end(held.state)
    local.upload()
    local.pass_time(minutes=5)
    seen = local.storage.get_blob_client(names.RECORDS, STATE).get_blob_properties().last_modified.isoformat()
    state = {**SOUND, **TIMES, "ended_at": seen, "setup": app.sweep.setup, "companies": {}, **damage}
    local.storage.get_blob_client(names.RECORDS, STATE).upload_blob(json.dumps(state).encode(), overwrite=True)
    # A marker beyond the list's end ends the round; the next run begins anew.
    assert {"updated": 1} in (app.sweep.run().outcomes, app.sweep.run().outcomes)


def test_look_ups_too_end_when_the_time_is_over(local: LocalStack) -> None:
    for number in range(30):
        add_company(local, f"Company {number}", "1000")
        local.upload(f"Company {number}/1000.jpg")
    local.fault(503, path="/items", count=None)
    report = sweep(local, local.app(clock=ManualClock()))
    assert report.milliseconds is not None
    assert report.milliseconds < 300_000
    assert report.not_begun


def test_a_refused_company_costs_few_requests(local: LocalStack) -> None:
    local.control("POST", "permissions", permission="Read")
    for number in range(40):
        local.upload(f"CRONUS USA, Inc/N{number}.jpg", photograph(size=(8, 8)))
    assert sweep(local).failed == 40
    assert len(local.requests()) < 10


def test_refusals_are_no_answers_that_end_waiting(local: LocalStack) -> None:
    app = local.app(ITEM_WAIT="PT1H")
    local.upload(UNKNOWN_ITEM)
    local.control("POST", "permissions", permission="Read")
    minutes = [29 * number for number in range(1, 53)]
    later = [minutes[-1] + 5 * number for number in range(1, 14)]  # at least one of them is its turn
    assert local.stack.storage_clock
    for minute in minutes + later:
        if minute == later[0]:
            local.control("DELETE", "permissions")
        local.stack.storage_clock.set(60.0 * minute)  # BC's clock stays: our tokens would expire there
        app.sweep.run()
    assert local.names(names.INCOMING) == [UNKNOWN_ITEM]


def test_odd_names_hold_up_no_other(local: LocalStack) -> None:
    odd = [
        "A'B",
        "A#B",
        "A%B",
        "A%27B",
        "A&B",
        "A+B",
        "A;B",
        "A B",
        "Ä-1",
        "(1)",
        "A or 1 eq 1",
        "' or '1' eq '1",
        ".HID",
    ]
    for number in odd:
        local.control("POST", "items", company_id=local.stack.endpoints.company_id, number=number)
        local.upload(f"CRONUS USA, Inc/{number}.jpg", photograph(size=(8, 8)))
    for long in ("N" * 850, "ü" * 400, "N" * 21):
        local.upload(f"CRONUS USA, Inc/{long}.jpg", photograph(size=(8, 8)))
    local.upload("CRONUS USA, Inc/1896-s.JPG")
    report = sweep(local)
    assert report.outcomes == {"updated": len(odd) + 1, "quarantined": 3}, (report, local.names(names.INCOMING))


def test_one_number_in_two_companies_is_two_items(local: LocalStack) -> None:
    for company in ("Fabrikam", "Contoso"):
        add_company(local, company, "1000")
        local.upload(f"{company}/1000.jpg")
    assert sweep(local).outcomes == {"updated": 2}
    assert len({request["path"] for request in local.requests("PATCH")}) == 2
