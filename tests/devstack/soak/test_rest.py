"""A soak is audited once nothing is left to do, however long it takes to look; what never ends is given up."""

from uuid import UUID

from devstack.benchmarks.soak import rest
from devstack.benchmarks.soak.ledger import Ledger
from devstack.benchmarks.soak.plan import Plan
from devstack.benchmarks.soak.simulator import Simulator
from tests.support.local_stack import LocalStack

LOOKS_TAKE_LONGER = 0.01  # seconds of patience


def wait(local: LocalStack, said: list[str]) -> float | None:
    simulator = Simulator(local.stack.endpoints.simulator_control_url, 0)
    return rest.wait(local.storage, Ledger(Plan(0, 0.0, (), ())), simulator, LOOKS_TAKE_LONGER, said.append)


def test_a_stack_at_rest_is_seen_however_long_a_look_takes(local: LocalStack) -> None:
    said: list[str] = []
    rested_after = wait(local, said)
    assert rested_after is not None
    assert rested_after > LOOKS_TAKE_LONGER
    assert said[-1].endswith("0 doubts left")


def test_an_upload_that_stays_is_given_up(local: LocalStack) -> None:
    local.upload("somebody else's.jpg", b"x")
    said: list[str] = []
    assert wait(local, said) is None
    assert said[-1].endswith("1 uploads left")


def test_a_doubt_that_stays_is_given_up(local: LocalStack) -> None:
    local.storage.get_blob_client("records", f"e/c/{UUID(int=1)}.json").upload_blob(b'{"doubt": {}, "claim": {"a": 1}}')
    said: list[str] = []
    assert wait(local, said) is None
    assert said[-1].endswith("1 doubts left")
