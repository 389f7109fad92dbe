"""Companies that come and go, or swap names, cost few look-ups, and never hold up uploads for the others."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Semaphore
from uuid import uuid4

import pytest

from shared.business_central.client import BusinessCentral
from shared.business_central.companies import LOOK_UP_INTERVAL, NAMES_LAST, Company
from shared.errors import Failure, Reason, Waiting
from shared.paths import ItemKey, KeyKind
from shared.pipeline import Pipeline
from shared.report import Outcome
from shared.storage import names
from tests.business_central.misbehaving_server import PATIENCE, Environment, Server, client, serving
from tests.support.local_stack import DESK, LocalStack, ManualClock, photograph

BIKE = "NORDWIND/1000.jpg"
NUMBER = ItemKey(None, KeyKind.NUMBER, "1000")
OLD_ID, NEW_ID, OTHER_ID = (str(uuid4()) for _ in range(3))


@pytest.fixture
def environment() -> Environment:
    return Environment((OLD_ID, "CRONUS"), (OTHER_ID, "NORDWIND"))


@pytest.fixture
def server(environment: Environment) -> Iterator[Server]:
    with serving(environment) as server:
        yield server


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def bc(server: Server, clock: ManualClock) -> BusinessCentral:
    return client(server, clock)


def look_ups(server: Server) -> int:
    return len([path for path, _, _ in server.seen if "/items" not in path])


def look_ups_of(local: LocalStack) -> int:
    return len([request for request in local.requests() if request["path"].endswith("/companies")])


def reason_of(call: Callable[[], object]) -> Reason:
    with pytest.raises(Failure) as failure:
        call()
    return failure.value.reason


def answered_as_missing(bc: BusinessCentral, company: Company) -> None:
    """Ask for an item of the company; BC must answer that it does not find the company."""
    assert reason_of(lambda: bc.item(company, NUMBER, "x")) is Reason.COMPANY_NOT_FOUND


@pytest.fixture
def pipeline(local: LocalStack) -> Pipeline:
    """Return the app in a process that has already put a picture onto an item in NORDWIND."""
    pipeline = local.pipeline()
    local.upload(BIKE, photograph())
    assert pipeline.process(names.INCOMING, BIKE).outcome is Outcome.UPDATED
    return pipeline


def waits(pipeline: Pipeline, name: str) -> bool:
    report = pipeline.process(names.INCOMING, name)
    return (report.outcome, report.reason) == (Outcome.WAITING, Reason.COMPANY_NOT_FOUND)


# --- a company that BC does not find -----------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["GET", "PATCH"])
def test_one_missing_company_leaves_the_others_known(local: LocalStack, pipeline: Pipeline, method: str) -> None:
    local.upload(BIKE, photograph("#aa2200"))
    local.upload(DESK)
    local.fault(404, code="Internal_CompanyNotFound", path="items", method=method)
    assert waits(pipeline, BIKE)
    assert pipeline.process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert look_ups_of(local) == 1


def test_a_missing_company_is_looked_up_at_once(local: LocalStack, pipeline: Pipeline) -> None:
    local.upload(BIKE, photograph("#aa2200"))
    local.fault(404, code="Internal_CompanyNotFound", path="items")
    assert waits(pipeline, BIKE)
    assert pipeline.process(names.INCOMING, BIKE).outcome is Outcome.UPDATED
    assert look_ups_of(local) == 2


def test_a_restored_company_is_found_under_its_new_id(local: LocalStack, pipeline: Pipeline) -> None:
    old = pipeline.business_central.company("NORDWIND", "x")
    local.upload(BIKE, photograph("#aa2200"))
    local.control("DELETE", f"companies/{old.id}")
    assert waits(pipeline, BIKE)
    new = local.control("POST", "companies", name="NORDWIND")
    local.control("POST", "items", company_id=new["id"], number="1000", displayName="Tourenrad Fjell")
    assert old.id != new["id"]
    assert pipeline.process(names.INCOMING, BIKE).outcome is Outcome.UPDATED
    assert look_ups_of(local) == 2


def test_a_company_listed_but_never_found_costs_bounded_look_ups(
    environment: Environment, server: Server, bc: BusinessCentral
) -> None:
    environment.missing = {OLD_ID}
    for answers in range(4):
        company = bc.company("CRONUS", "x")
        assert (bc.company("CRONUS", "x"), bc.company("NORDWIND", "x").id) == (company, OTHER_ID)
        assert look_ups(server) == answers + 1, "the first, and one for each answer that BC does not find it"
        answered_as_missing(bc, company)


def test_a_removed_company_costs_one_look_up_a_minute(
    environment: Environment, server: Server, bc: BusinessCentral, clock: ManualClock
) -> None:
    removed = bc.company("CRONUS", "x")
    environment.missing = {OLD_ID}
    environment.list((OTHER_ID, "NORDWIND"))
    answered_as_missing(bc, removed)
    for minutes in range(2):
        for _ in range(3):
            assert reason_of(lambda: bc.company("CRONUS", "x")) is Reason.COMPANY_NOT_FOUND
            assert bc.company("NORDWIND", "x").id == OTHER_ID
        assert look_ups(server) == 2 + minutes
        clock.now += 60


def test_an_old_answer_does_not_concern_the_restored_company(
    environment: Environment, server: Server, bc: BusinessCentral
) -> None:
    """Several uploads are under way when the company is restored: their answers come one after the other."""
    old = bc.company("CRONUS", "x")
    environment.missing = {OLD_ID}
    environment.list((NEW_ID, "CRONUS"), (OTHER_ID, "NORDWIND"))
    for _ in range(3):
        answered_as_missing(bc, old)
        assert bc.company("CRONUS", "x").id == NEW_ID
        assert bc.company("NORDWIND", "x").id == OTHER_ID
    assert look_ups(server) == 2


def test_a_list_older_than_bcs_answer_does_not_count_as_new(
    environment: Environment, server: Server, bc: BusinessCentral, clock: ManualClock
) -> None:
    old = bc.company("CRONUS", "x")
    clock.now += 60
    with environment.look_up_held(lambda: bc.company("Fabrikam", "x")):
        environment.missing = {OLD_ID}
        environment.list((NEW_ID, "CRONUS"))
        answered_as_missing(bc, old)
    assert bc.company("CRONUS", "x").id == NEW_ID
    assert look_ups(server) == 3


def test_a_missing_companys_name_does_not_pass_to_another(
    environment: Environment, server: Server, bc: BusinessCentral
) -> None:
    """The other company displays the same name: its items would get the pictures."""
    environment.list((OLD_ID, "CRONUS"), (OTHER_ID, "NORDWIND"), display_name="CRONUS")
    company = bc.company("CRONUS", "x")
    environment.missing = {OLD_ID}
    answered_as_missing(bc, company)
    assert bc.company("CRONUS", "x").id == OLD_ID
    assert look_ups(server) == 2


# --- a name that moves to another company --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("folder", "renamed", "added"),
    [
        pytest.param("NORDWIND", ("NORDWIND OLD", "Old"), ("NORDWIND", "New"), id="name"),
        pytest.param(
            "Nordwind Möbel GmbH",
            ("NORDWIND", "Nordwind (closed)"),
            ("NORDWIND 2", "Nordwind Möbel GmbH"),
            id="display name",
        ),
        pytest.param(
            "Nordwind Möbel GmbH",
            ("NORDWIND", "Nordwind Möbel GmbH"),
            ("NORDWIND MÖBEL GMBH.", "New"),
            id="a name before a display name",
        ),
    ],
)
def test_a_picture_follows_its_companys_name(
    local: LocalStack, clock: ManualClock, folder: str, renamed: tuple[str, str], added: tuple[str, str]
) -> None:
    pipeline, upload = local.pipeline(clock=clock), f"{folder}/1000.jpg"
    local.upload(upload)
    old_item = pipeline.process(names.INCOMING, upload).item_id
    old = pipeline.business_central.company(folder, "x")
    local.control("POST", "companies", id=old.id, name=renamed[0], displayName=renamed[1])
    new = local.control("POST", "companies", name=added[0], displayName=added[1])
    item = local.control("POST", "items", company_id=new["id"], number="1000", displayName="Tourenrad Fjell")
    clock.now += NAMES_LAST
    local.upload(upload, photograph("#aa2200"))
    report = pipeline.process(names.INCOMING, upload)
    assert (report.outcome, report.item_id) == (Outcome.UPDATED, item["id"])
    assert report.item_id != old_item


def test_names_that_swap_are_found_under_their_new_ids(
    environment: Environment, server: Server, bc: BusinessCentral, clock: ManualClock
) -> None:
    assert bc.company("CRONUS", "x").id == OLD_ID
    environment.list((OLD_ID, "NORDWIND"), (OTHER_ID, "CRONUS"))
    clock.now += NAMES_LAST
    assert (bc.company("CRONUS", "x").id, bc.company("NORDWIND", "x").id) == (OTHER_ID, OLD_ID)
    assert look_ups(server) == 2


def test_known_names_cost_one_look_up_in_ten_minutes(server: Server, bc: BusinessCentral, clock: ManualClock) -> None:
    for _ in range(10 * 60):
        assert bc.company("CRONUS", "x").id == OLD_ID
        clock.now += 10
    assert look_ups(server) == 10


def test_an_id_needs_no_new_list(server: Server, bc: BusinessCentral, clock: ManualClock) -> None:
    for _ in range(3):
        assert bc.company(f"{{{OLD_ID.upper()}}}", "x").name == "CRONUS"
        clock.now += 30 * 24 * 60 * 60
    assert look_ups(server) == 1


def test_a_removed_name_is_not_found_once_the_list_is_old(
    environment: Environment, bc: BusinessCentral, clock: ManualClock
) -> None:
    bc.company("CRONUS", "x")
    environment.list((OTHER_ID, "NORDWIND"))
    clock.now += NAMES_LAST
    assert reason_of(lambda: bc.company("CRONUS", "x")) is Reason.COMPANY_NOT_FOUND


def test_a_name_that_two_displayed_is_looked_up_again(
    environment: Environment, server: Server, bc: BusinessCentral, clock: ManualClock
) -> None:
    environment.list((OLD_ID, "CRONUS"), (OTHER_ID, "NORDWIND"), display_name="Demo")
    assert reason_of(lambda: bc.company("Demo", "x")) is Reason.COMPANY_NOT_FOUND
    environment.list((OLD_ID, "Demo"), (OTHER_ID, "NORDWIND"))
    clock.now += LOOK_UP_INTERVAL
    assert bc.company("Demo", "x").id == OLD_ID
    assert look_ups(server) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 503])
def test_known_companies_do_not_need_the_new_list(
    environment: Environment, server: Server, bc: BusinessCentral, clock: ManualClock, status: int
) -> None:
    """They get it as soon as BC returns it; until then, not each of their uploads asks for it."""
    bc.company("CRONUS", "x")
    environment.list((NEW_ID, "CRONUS"), (OTHER_ID, "NORDWIND"))
    environment.list_status = status
    clock.now += NAMES_LAST
    assert bc.company("CRONUS", "x").id == OLD_ID
    failing = look_ups(server)
    for known in ("CRONUS", "NORDWIND"):
        bc.company(known, "x")
    assert look_ups(server) == failing
    environment.list_status = 200
    clock.now += LOOK_UP_INTERVAL
    assert bc.company("CRONUS", "x").id == NEW_ID


def test_an_unknown_names_failure_does_not_make_the_list_old(
    environment: Environment, server: Server, bc: BusinessCentral, clock: ManualClock
) -> None:
    bc.company("CRONUS", "x")
    environment.list_status = 500
    clock.now += LOOK_UP_INTERVAL
    assert reason_of(lambda: bc.company("Fabrikam", "x")) is Reason.BC_UNAVAILABLE
    clock.now = NAMES_LAST - 1
    assert bc.company("CRONUS", "x").id == OLD_ID
    assert look_ups(server) == 2


@pytest.mark.parametrize(("status", "expected"), [(200, NEW_ID), (500, OLD_ID)], ids=["answered", "failed"])
def test_threads_share_the_look_up_for_an_old_list(
    environment: Environment, server: Server, status: int, expected: str
) -> None:
    """All wait for it: meanwhile, the old list could send their pictures to another company."""
    clock, asked = ManualClock(), Semaphore(0)

    def now() -> float:
        asked.release()
        return clock.now

    bc = client(server, clock, now)
    bc.company("CRONUS", "x")
    clock.now += NAMES_LAST
    environment.list((NEW_ID, "CRONUS"), (OTHER_ID, "NORDWIND"))
    environment.list_status = status
    with ThreadPoolExecutor(3) as threads:
        with environment.look_up_held(lambda: bc.company("NORDWIND", "x")):
            while asked.acquire(blocking=False):
                pass
            calls = [threads.submit(bc.company, "CRONUS", "x") for _ in range(3)]
            for _ in calls:
                assert asked.acquire(timeout=PATIENCE)
        assert {call.result(PATIENCE).id for call in calls} == {expected}
    assert look_ups(server) == 2


# --- look-ups that take long -------------------------------------------------------------------------------------


def test_a_slow_look_up_does_not_hold_up_a_known_company(
    environment: Environment, server: Server, bc: BusinessCentral, clock: ManualClock
) -> None:
    known = bc.company("CRONUS", "x")
    clock.now += 60
    with environment.look_up_held(lambda: bc.company("Fabrikam", "x")), ThreadPoolExecutor(1) as thread:
        assert thread.submit(bc.company, "CRONUS", "x").result(PATIENCE) == known
    assert look_ups(server) == 2


@pytest.mark.parametrize(("status", "reason"), [(200, Reason.COMPANY_NOT_FOUND), (500, Reason.BC_UNAVAILABLE)])
def test_threads_that_ask_for_unknown_names_share_a_request(
    environment: Environment, server: Server, status: int, reason: Reason
) -> None:
    """They share its failure too: one after the other, each could wait for the whole time-out."""
    asked = Semaphore(0)  # a thread asks for the time just before it joins a look-up

    def now() -> float:
        asked.release()
        return 0.0

    environment.list_status = status
    bc = client(server, ManualClock(), now)
    with ThreadPoolExecutor(3) as threads:
        with environment.look_up_held(lambda: bc.company("Fabrikam", "x")):
            calls = [threads.submit(bc.company, name, "x") for name in ("Contoso", "Adatum", "Fabrikam")]
            for _ in range(1 + len(calls)):
                asked.acquire(timeout=PATIENCE)
        assert {reason_of(call.result) for call in calls} == {reason}
    assert look_ups(server) == 1


def test_a_failed_look_up_is_repeated_by_the_next_upload(
    environment: Environment, server: Server, bc: BusinessCentral
) -> None:
    environment.list_status = 500
    assert reason_of(lambda: bc.company("CRONUS", "x")) is Reason.BC_UNAVAILABLE
    environment.list_status = 200
    assert bc.company("CRONUS", "x").id == OLD_ID
    assert look_ups(server) == 2


def test_a_name_that_two_companies_display_names_neither(environment: Environment, bc: BusinessCentral) -> None:
    environment.list((OLD_ID, "CRONUS"), (OTHER_ID, "NORDWIND"), display_name="Demo")
    with pytest.raises(Waiting, match=r"has 2 companies called 'Demo'\. Name the company by its id\."):
        bc.company("Demo", "x")
    assert bc.company(OTHER_ID, "x").name == "NORDWIND"
