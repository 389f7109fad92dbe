"""In Application Insights, each upload is one connected trace with one record, from the host to Business Central.

The app runs in the local host; what it sends is taken by the local endpoint, by identity and over HTTPS.
"""

import base64
import logging
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from uuid import uuid4

import pytest
from opentelemetry.instrumentation.logging.handler import LoggingHandler
from opentelemetry.sdk._logs import LoggerProvider, LogRecordProcessor, ReadWriteLogRecord

from devstack import stack
from devstack.ingestion.rows import Row
from devstack.machine.children import clean_environment
from devstack.machine.setup import ROOT
from shared import report
from shared import telemetry_names as names
from shared.call_names import storage_calls
from shared.storage.names import ARCHIVE
from tests.devstack.dev_commands import until
from tests.support.local_stack import DESK, LocalStack, photograph
from tests.support.telemetry import Trace, Watcher, as_guid, dimensions, measurements
from tests.test_function_app import IN_AZURE

UNKNOWN = "CRONUS USA, Inc/9999-X.jpg"
EVERY_TWO_SECONDS = "*/2 * * * * *"
ROWS_MAX = 10  # per updated picture; one is the host's for the web hook, which the stand-in does not write


class Traced(LocalStack, Watcher):
    """A stack with the app's host, and what both send."""

    def __init__(self, running: stack.Stack, lines: list[str]) -> None:
        LocalStack.__init__(self, running)
        assert running.ingestion
        Watcher.__init__(self, running.ingestion)
        self.lines = lines


@pytest.fixture(scope="module")
def traced() -> Iterator[Traced]:
    lines: list[str] = []
    soon = {
        "OTEL_METRIC_EXPORT_INTERVAL": "1000"
    }  # milliseconds; if there were metrics, they would come within the test
    with stack.running(lines.append, telemetry=True, sweep_schedule=EVERY_TWO_SECONDS, app_settings=soon) as running:
        yield Traced(running, lines)


def test_an_upload_is_one_connected_trace(traced: Traced) -> None:
    traced.upload()
    record = traced.record(names.UPLOAD_FINISHED, blob=DESK)
    trace = traced.trace(record["operation_Id"])
    invocation = trace.one("requests", name="item_picture_uploaded", success="True")
    upload = trace.one("dependencies", name=names.PROCESS_UPLOAD, operation_ParentId=invocation["id"])
    trace.one("dependencies", name=names.RENDER_PICTURE, operation_ParentId=upload["id"])
    place = trace.one("dependencies", name=names.PLACE_PICTURE, operation_ParentId=upload["id"])
    assert record["operation_ParentId"] == upload["id"]
    assert trace.calls()[-1] == "write picture"
    (patch,) = [row for row in trace.of("dependencies") if dimensions(row).get("call") == "write picture"]
    assert patch["operation_ParentId"] == place["id"]
    assert {row["cloud_RoleName"] for row in trace.rows} == {"item-picture-sync"}


def test_the_record_has_numbers_as_numbers(traced: Traced) -> None:
    content = photograph("#118811")
    traced.upload("CRONUS USA, Inc/1900-S.jpg", content)
    record = traced.record(names.UPLOAD_FINISHED, item_number="1900-S")
    numbers = measurements(record)
    assert dimensions(record)["outcome"] == "updated"
    assert numbers["bytes_in"] == len(content)
    assert numbers["bytes_out"] > 0
    assert 0 <= numbers["render_ms"] <= numbers["duration_ms"]
    assert 0 <= numbers["time_to_item_s"] < 60
    assert numbers["bc_throttled_s"] == 0


def test_bc_sees_the_traces_id(traced: Traced) -> None:
    number, before = "1906-S", len(traced.requests())
    traced.upload(f"CRONUS USA, Inc/{number}.jpg")
    record = traced.record(names.UPLOAD_FINISHED, item_number=number)
    ids = {request["client_request_id"] for request in traced.requests()[before:]}
    assert as_guid(record["operation_Id"]) in ids
    assert dimensions(record)["upload_id"] == as_guid(record["operation_Id"])
    sent = [request for request in traced.requests() if request["client_request_id"] == as_guid(record["operation_Id"])]
    assert len(sent) == measurements(record)["bc_requests"]


def usual_rows(trace: Trace) -> list[Row]:
    """Return the rows without what a process asks once (a token, the companies), and without slow calls to storage."""
    seldom = {None, "read companies", *storage_calls()}
    return [row for row in trace.rows if row.get("type") != "HTTP" or dimensions(row).get("call") not in seldom]


def test_a_replaced_picture_costs_ten_rows_at_most(traced: Traced) -> None:
    name, number = "CRONUS USA, Inc/1908-S.jpg", "1908-S"
    for count, colour in enumerate(("#aa2200", "#22aa00", "#0022aa"), start=1):
        traced.upload(name, photograph(colour))
        record = traced.record(names.UPLOAD_FINISHED, count, item_number=number, outcome="updated")
        assert len(usual_rows(traced.trace(record["operation_Id"]))) + 1 <= ROWS_MAX


def test_a_picture_that_is_kept_costs_ten_rows_at_most(traced: Traced) -> None:
    company = traced.stack.endpoints.company_id
    item = traced.control("POST", "items", company_id=company, number="KEPT", displayName="Lamp")
    by_hand = base64.b64encode(photograph("#00ff00", (33, 22))).decode()
    traced.control("POST", f"items/{item['id']}/pictures", contents=[by_hand])
    traced.upload("CRONUS USA, Inc/KEPT.jpg")
    record = traced.record(names.UPLOAD_FINISHED, item_number="KEPT", outcome="updated")
    trace = traced.trace(record["operation_Id"])
    assert "read picture" in trace.calls()
    assert len(usual_rows(trace)) + 1 <= ROWS_MAX


def test_a_swept_upload_has_a_trace_linked_to_its_sweep(traced: Traced) -> None:
    traced.upload(UNKNOWN)
    waiting = traced.record(names.UPLOAD_FINISHED, blob=UNKNOWN, outcome="waiting")
    assert dimensions(waiting)["reason"] == "item_not_found"
    company = traced.stack.endpoints.company_id
    traced.control("POST", "items", company_id=company, number="9999-X", displayName="Here at last")
    record = traced.record(names.UPLOAD_FINISHED, blob=UNKNOWN, outcome="updated")
    trace = traced.trace(record["operation_Id"])
    upload = trace.one("dependencies", name=names.PROCESS_UPLOAD, operation_ParentId="")
    assert trace.of("requests") == []
    (linked,) = set(re.findall(r'"operation_Id": "(\w+)"', upload["customDimensions"]["_MS.links"]))
    sweep = traced.trace(linked)
    invocation = sweep.one("requests", name="sweep_incoming")
    assert f'"id": "{invocation["id"]}"' in upload["customDimensions"]["_MS.links"]
    finished = sweep.one("traces", message=names.SWEEP_FINISHED)
    assert finished["operation_ParentId"] == invocation["id"]
    assert measurements(finished)["incoming"] == 1


def test_a_sweep_tells_what_waits_and_names_companies(traced: Traced) -> None:
    traced.upload("Nobody, Inc/1.jpg")
    sweep = traced.record(names.SWEEP_FINISHED, company='["Nobody, Inc"]')
    numbers = measurements(sweep)
    assert (numbers["incoming"], numbers["waiting"], numbers["quarantined"]) == (1, 1, 0)
    traced.incoming("Nobody, Inc/1.jpg").delete_blob()


def test_used_up_deliveries_are_failed_traces_and_a_record(traced: Traced) -> None:
    name = "CRONUS USA, Inc/1920-S.jpg"
    traced.fault(403, method="PATCH", count=2)
    traced.upload(name)
    exhausted = traced.record(names.DELIVERY_EXHAUSTED, blob=name)
    failed = [traced.record(names.UPLOAD_FAILED, count, blob=name) for count in (1, 2)]
    assert [dimensions(record)["reason"] for record in failed] == ["bc_refused"] * 2
    assert len({record["operation_Id"] for record in (exhausted, *failed)}) == 3
    for record in failed:
        trace = traced.trace(record["operation_Id"])
        assert trace.one("requests")["success"] == "False"
        assert trace.one("dependencies", name=names.PROCESS_UPLOAD)["success"] == "False"
        assert trace.of("exceptions") == []
    assert traced.trace(exhausted["operation_Id"]).one("requests")["name"] == "delivery_exhausted"
    traced.record(names.UPLOAD_FINISHED, blob=name, outcome="updated")  # by the next sweep


def test_the_line_of_json_stays_readable(traced: Traced) -> None:
    """Who runs without Application Insights, or looks at the log stream, reads the same line as ever."""
    traced.upload("CRONUS USA, Inc/1928-S.jpg")
    traced.record(names.UPLOAD_FINISHED, item_number="1928-S")
    line, *_ = [line for line in traced.lines if '"upload_finished"' in line and "1928-S" in line]
    assert line.startswith('{"event": "upload_finished", "blob": "CRONUS USA, Inc/1928-S.jpg", "upload_id": "')


def test_an_idle_app_sends_nothing(traced: Traced) -> None:
    """Every row belongs to an invocation, or to an upload that one took up; there are no metrics."""
    sweeps = len(traced.records(names.SWEEP_FINISHED))
    traced.record(names.SWEEP_FINISHED, sweeps + 2)
    rows = traced.ingestion.rows()
    records = {row["operation_Id"] for row in rows if row["table"] == "traces"}
    assert {row["table"] for row in rows} <= {"requests", "dependencies", "traces"}
    assert {row["message"] for row in rows if row["table"] == "traces"} <= {*names.RECORDS}
    ended = {row["operation_Id"] for row in rows if row["table"] == "requests"}
    assert ended <= records, "an invocation without a record"


def test_no_secret_is_sent(traced: Traced) -> None:
    settings = traced.stack.app_settings
    secrets = [settings["IDENTITY_HEADER"], settings["PICTURE_STORAGE"].split("AccountKey=")[1].split(";")[0]]
    sent = "\n".join(traced.ingestion.bodies())
    assert ARCHIVE in sent
    assert [
        secret for secret in (*secrets, "eyJ", "AccountKey", "Bearer ", "IngestionEndpoint") if secret in sent
    ] == []
    assert re.findall(r"sig=(?!REDACTED)", sent) == []


def test_pictures_arrive_while_the_endpoint_is_down() -> None:
    """Nothing listens at port 9, and nobody has to read tracebacks about that."""
    nowhere = "https://127.0.0.1:9/"
    down = f"InstrumentationKey={uuid4()};IngestionEndpoint={nowhere};LiveEndpoint={nowhere}"
    lines: list[str] = []
    unsent = set(Path(tempfile.gettempdir()).glob("Microsoft-AzureMonitor-*"))
    settings = {"APPLICATIONINSIGHTS_CONNECTION_STRING": down}
    with stack.running(
        lines.append, telemetry=True, app_settings=settings, sweep_schedule=EVERY_TWO_SECONDS
    ) as running:
        local, log = LocalStack(running), running.hosts[0].log
        before_the_app = len(log.read_bytes())  # a slow start leaves the distribution time for one, which is not ours
        local.upload()
        until(lambda: any('"outcome": "updated"' in line for line in lines), 30)
        until(lambda: sum('"sweep_finished"' in line for line in lines) >= 2, 30)
        assert local.picture() is not None
        assert b"Traceback" not in log.read_bytes()[before_the_app:]
    assert set(Path(tempfile.gettempdir()).glob("Microsoft-AzureMonitor-*")) == unsent, "it ends with the stack"


class Broken(LogRecordProcessor):
    """Fails whenever it gets a record."""

    def on_emit(self, log_record: ReadWriteLogRecord) -> None:
        raise RuntimeError(log_record)

    def shutdown(self) -> None: ...

    def force_flush(self, timeout_millis: int = 0) -> bool:  # noqa: ARG002 - the SDK names it
        return True


def test_a_record_that_cannot_be_taken_fails_no_upload() -> None:
    provider, logger = LoggerProvider(), logging.getLogger(names.LOGGER)
    provider.add_log_record_processor(Broken())
    handler, level = LoggingHandler(logger_provider=provider), logger.level
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        with pytest.raises(RuntimeError):
            logger.info("It is broken.")
        report.upload_finished(report.Report(DESK, str(uuid4()), report.Outcome.UPDATED))
    finally:
        logger.removeHandler(handler)
        logger.setLevel(level)


BEFORE_THE_REST = """
import builtins, logging, sys

live_metrics = logging.getLogger("azure.monitor.opentelemetry.exporter._quickpulse")
imported = builtins.__import__

def watched(name, *rest, **options):
    if name.startswith("shared.") and "shared" in sys.modules and hasattr(sys.modules["shared"], "__version__"):
        assert not live_metrics.isEnabledFor(logging.CRITICAL), name
    return imported(name, *rest, **options)

builtins.__import__ = watched
import function_app
print("quiet" if not live_metrics.isEnabledFor(logging.CRITICAL) else "loud")
"""


def test_live_metrics_are_silent_before_the_rest_is_loaded() -> None:
    """They complain a second after the worker has started them, and a cold start may take that long."""
    ended = imported(BEFORE_THE_REST)
    assert ended.stdout == "quiet\n", ended.stderr


LOADED = "import sys, function_app; print([m for m in sys.modules if m.startswith(('azure.monitor', 'opentelemetry'))])"
ON = {
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY": "true",
    "APPLICATIONINSIGHTS_CONNECTION_STRING": "InstrumentationKey=0",
}


@pytest.mark.parametrize("missing", ON)
def test_without_its_settings_nothing_of_telemetry_is_loaded(missing: str) -> None:
    settings = {name: value for name, value in ON.items() if name != missing}
    loaded = imported(LOADED, **settings)
    assert loaded.stdout == "[]\n", loaded.stderr


def test_the_app_loads_if_telemetry_cannot_start() -> None:
    broken = (
        "import sys; sys.modules['opentelemetry.instrumentation.requests'] = None; import function_app; print('on')"
    )
    ended = imported(broken, **ON)
    assert ended.stdout == "on\n", ended.stderr
    assert "Telemetry does not start" in ended.stderr


def imported(program: str, **settings: str) -> subprocess.CompletedProcess[str]:
    env = clean_environment({**IN_AZURE, **settings})
    command = [sys.executable, "-c", program]
    return subprocess.run(command, cwd=Path(ROOT), env=env, capture_output=True, text=True, check=False)
