"""The numbers that keep the app from trampling Business Central agree with each other, wherever they stand."""

import json
import re

import pytest

from devstack.benchmarks.fleet import Rules
from devstack.business_central.scenario.limits import Limits
from devstack.machine.setup import ROOT
from shared import sweep_budget
from shared.business_central.http import SLOWEST_REQUEST, Timeouts
from shared.business_central.retries import PACE_MAX, PACE_MIN, TURN_WITHIN, WAIT_TOTAL
from shared.item_record import BEGIN_WITHIN, CLAIM_LIFE, DOUBT_LASTS
from shared.render_process import ChildLimits
from shared.sweep import AT_ONCE
from tests.support.bicep import TEMPLATES, Prediction

HOST = json.loads((ROOT / "host.json").read_text(encoding="utf-8"))
BLOBS = HOST["extensions"]["blobs"]
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
LIMITS = Limits()  # BC's, as the simulator has them


def documented(what: str) -> float:
    """Return the number in the row that begins with ``what``."""
    row = re.search(rf"^\| {re.escape(what)}[^|]*\| (\d+)", CONFIGURATION, re.MULTILINE)
    assert row, f"docs/configuration.md has no row for {what}"
    return float(row[1])


def timeout() -> float:
    hours, minutes, seconds = map(int, HOST["functionTimeout"].split(":"))
    return 3600.0 * hours + 60 * minutes + seconds


def deployed(example: str) -> tuple[int, int]:
    """Return the instances on demand, and always ready, that Bicep leads to."""
    scale = Prediction.read(ROOT, example).app["properties"]["functionAppConfig"]["scaleAndConcurrency"]
    return scale["maximumInstanceCount"], sum(each["instanceCount"] for each in scale["alwaysReady"])


TERRAFORM = ROOT / "infra" / "terraform"


def in_terraform(file: str) -> tuple[int, int]:
    """Return the instances on demand, and always ready, that a file of Terraform's names."""
    text = (TERRAFORM / file).read_text(encoding="utf-8")
    found = re.search(r"\{ maximum_instance_count = (\d+), always_ready_instances = (\d+),", text)
    assert found, file
    return int(found[1]), int(found[2])


# Who states how many instances there are, by source: those on demand, and those always ready.
FLEETS = {
    "documents": (documented("instances on demand"), documented("instances always ready")),
    "simulation": (Rules.instances - 1, 1),
    "Bicep, by default": deployed("main.test"),
    "Bicep, with all options": deployed("main.prod"),
    "Terraform, by default": in_terraform("variables.tf"),
    "Terraform, with all options": in_terraform("main.prod.tfvars"),
}


@pytest.mark.parametrize("source", FLEETS)
def test_all_slots_together_make_a_line_that_a_read_outlasts(source: str) -> None:
    slots = sum(FLEETS[source]) * BLOBS["maxDegreeOfParallelism"] + documented("uploads at a time in the sweep")
    assert slots == documented("**slots**") <= 20
    assert slots <= LIMITS.connections
    assert slots / LIMITS.running * SLOWEST_REQUEST < Timeouts.read


def test_bicep_counts_slots_as_we_do() -> None:
    """Its parameters are refused by this sum (tests/infra/test_parameters.py)."""
    main = (ROOT / TEMPLATES / "main.bicep").read_text(encoding="utf-8")
    assert f"var uploadsOfTheSweep = {AT_ONCE}\n" in main
    assert f"slots <= {documented('**slots**'):.0f} ||" in main


def test_terraform_counts_slots_as_we_do() -> None:
    """Its variables are refused by this sum (infra/terraform/tests)."""
    assert f"uploads_of_the_sweep = {AT_ONCE}\n" in (TERRAFORM / "main.tf").read_text(encoding="utf-8")
    most = f"local.uploads_of_the_sweep <= {documented('**slots**'):.0f} ||"
    assert most in (TERRAFORM / "variables.tf").read_text(encoding="utf-8")


def test_the_documents_state_the_numbers_in_force() -> None:
    assert documented("uploads at a time in each") == BLOBS["maxDegreeOfParallelism"] == Rules.slots
    assert documented("uploads at a time in the sweep") == AT_ONCE == Rules.sweep_slots
    assert BLOBS["poisonBlobThreshold"] == Rules.deliveries
    assert documented("slowest BC request") == SLOWEST_REQUEST
    assert documented("longest line") == documented("**slots**") / LIMITS.running * SLOWEST_REQUEST
    assert documented("time-out of a read") == Timeouts.read
    assert f"`functionTimeout`: {timeout() / 60:.0f} minutes" in CONFIGURATION


def test_no_upload_runs_into_the_functions_time_out() -> None:
    """It waits for BC to accept a read and again before its claim; company, item and picture are each read twice.

    A sweep renders it twice at most, and in between waits for those beside it to end.
    """
    reading = TURN_WITHIN + 3 * 2 * (Timeouts.connect + Timeouts.read)
    writing = TURN_WITHIN + BEGIN_WITHIN + WAIT_TOTAL + Timeouts.connect + Timeouts.write
    rendering = 3 * ChildLimits.seconds
    assert sweep_budget.BEGIN_WITHIN + reading + rendering + writing < timeout()


def test_one_process_alone_stays_below_bcs_limit() -> None:
    assert PACE_MIN < PACE_MAX < LIMITS.requests / LIMITS.window
    assert LIMITS.window <= TURN_WITHIN


def test_a_doubt_outlasts_whatever_bc_may_still_do() -> None:
    """The last byte of a PATCH leaves before it is given up; then BC queues it and runs it."""
    last_byte = BEGIN_WITHIN + WAIT_TOTAL + Timeouts.connect + Timeouts.write
    assert last_byte + LIMITS.queue_seconds + LIMITS.operation_seconds < DOUBT_LASTS.total_seconds()
    assert BEGIN_WITHIN + Timeouts.write < CLAIM_LIFE.total_seconds()
    assert Timeouts.send < Timeouts.write
