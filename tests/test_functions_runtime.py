"""Microsoft's own language runtime for Python loads and runs the app, as the Functions worker does in Azure."""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from devstack import stack
from devstack.machine.children import clean_environment
from devstack.machine.setup import ROOT
from devstack.programs import Programs
from shared import telemetry_names
from shared.storage import names
from tests.support.local_stack import DESK, LocalStack
from tests.support.telemetry import Watcher, as_guid, dimensions

pytestmark = pytest.mark.skipif(
    sys.version_info < (3, 13), reason="Microsoft's azure-functions-runtime needs Python 3.13"
)
SECONDS = 60


def run(local: LocalStack, *invocations: dict[str, Any], folder: Path = ROOT, **settings: str) -> dict[str, Any]:
    """Start the runtime on an app, with this stack's settings, and return its answers."""
    ended = subprocess.run(
        [sys.executable, "-W", "error", "-m", "tests.support.functions_runtime", str(folder)],
        cwd=ROOT,
        env=clean_environment({**local.stack.app_settings, **settings}),
        input=json.dumps(invocations),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    answer: dict[str, Any] = json.loads(ended.stdout)
    assert answer["left_loopback"] == []
    return answer


def uploaded(name: str = DESK, connection: str = "PICTURE_STORAGE") -> dict[str, Any]:
    """Return what the host sends for an upload: a reference to the blob, never its bytes."""
    reference = {"Connection": connection, "ContainerName": names.INCOMING, "BlobName": name}
    return {
        "function": "item_picture_uploaded",
        "inputs": {"picture": {"model_binding_data": reference}},
        "metadata": {"BlobTrigger": {"string": f"{names.INCOMING}/{name}"}, "name": {"string": name}},
    }


def swept() -> dict[str, Any]:
    """Return what the host sends when the timer fires."""
    timer = {"Schedule": {"AdjustForDST": True}, "ScheduleStatus": None, "IsPastDue": False}
    return {"function": "sweep_incoming", "inputs": {"timer": {"json": json.dumps(timer)}}}


def exhausted(message: str) -> dict[str, Any]:
    """Return what the host sends for a message in the poison queue."""
    return {"function": "delivery_exhausted", "inputs": {"message": {"string": message}}}


POISON = {
    "Type": "BlobTrigger",
    "FunctionId": "Host.Functions.item_picture_uploaded",
    "BlobName": DESK,
    "ETag": '"0x1"',
}
# One invocation per function: the first test fails if a new function has none.
INVOCATIONS = {
    "item_picture_uploaded": uploaded(),
    "sweep_incoming": swept(),
    "delivery_exhausted": exhausted(json.dumps(POISON)),
}


def test_every_function_is_indexed_loaded_and_invoked(local: LocalStack) -> None:
    local.upload()
    answer = run(local, *INVOCATIONS.values())
    assert answer["start"]["succeeded"], answer["start"]
    assert answer["bindings"].keys() == INVOCATIONS.keys()
    assert [name for name, load in answer["loads"].items() if not load["succeeded"]] == []
    assert [each for each in answer["invocations"] if not each["succeeded"]] == []


def test_after_the_invocation_the_item_shows_the_picture(local: LocalStack) -> None:
    content = local.upload()
    (invocation,) = run(local, uploaded())["invocations"]
    assert invocation["succeeded"], invocation
    picture = local.picture()
    assert picture is not None
    assert picture.size == (1024, 768)
    (archived,) = local.names(names.ARCHIVE)
    assert local.read(names.ARCHIVE, archived) == content
    assert local.names(names.INCOMING) == []


def test_without_a_key_the_reference_is_opened_by_identity() -> None:
    with stack.running(keyless=True) as running:
        local = LocalStack(running)
        local.upload()
        (invocation,) = run(local, uploaded(), REQUESTS_CA_BUNDLE=str(running.accounts.certificate.public))[
            "invocations"
        ]
        assert invocation["succeeded"], invocation
        assert local.picture() is not None


def test_the_binding_asks_for_a_reference_not_for_bytes(local: LocalStack) -> None:
    (binding,) = run(local)["bindings"]["item_picture_uploaded"]
    assert (binding["name"], binding["type"], binding["direction"]) == ("picture", "blobTrigger", "IN")
    assert (binding["path"], binding["connection"]) == ("product-images/{name}", "PICTURE_STORAGE")
    assert binding["properties"]["SupportsDeferredBinding"]


def test_a_second_delivery_succeeds_and_writes_nothing(local: LocalStack) -> None:
    local.upload()
    answer = run(local, uploaded(), uploaded())
    assert [each["succeeded"] for each in answer["invocations"]] == [True, True]
    assert len(local.requests("PATCH")) == 1


def test_an_invocation_runs_after_one_that_failed(local: LocalStack) -> None:
    local.upload()
    local.fault(403, method="PATCH")
    failed, delivered_again = run(local, uploaded(), uploaded())["invocations"]
    assert not failed["succeeded"]
    assert failed["message"].startswith("Transient")
    assert "pipeline.py" in failed["stack_trace"]
    assert delivered_again["succeeded"]
    assert local.picture() is not None


def test_a_reference_to_an_unknown_connection_fails(local: LocalStack) -> None:
    local.upload()
    (invocation,) = run(local, uploaded(connection="OTHER_STORAGE"))["invocations"]
    assert not invocation["succeeded"]
    assert "OTHER_STORAGE does not exist" in invocation["message"]
    assert local.requests() == []


def test_bytes_instead_of_a_reference_fail(local: LocalStack) -> None:
    bytes_only = uploaded() | {"inputs": {"picture": {"bytes": "not a reference"}}}
    (invocation,) = run(local, bytes_only)["invocations"]
    assert not invocation["succeeded"]
    assert "unexpected type of data" in invocation["message"]


@pytest.mark.parametrize(
    ("right", "wrong", "complaint"),
    [
        (
            "picture: blob.BlobClient",
            "picture: int",
            "do not match the corresponding function parameter's Python type annotation int",
        ),
        ('arg_name="picture"', 'arg_name="photo"', "declared in Python but not in the function definition"),
        (
            "app = func.FunctionApp()",
            "app = func.FunctionApp()\nsecond = func.FunctionApp()",
            "More than one",
        ),
    ],
    ids=["type", "name", "two apps"],
)
def test_a_wrong_binding_is_refused_before_anything_runs(
    local: LocalStack, tmp_path: Path, right: str, wrong: str, complaint: str
) -> None:
    """The runtime gets the app's own file with a single error."""
    own = (ROOT / "function_app.py").read_text(encoding="utf-8")
    assert own.count(right) == 1
    (tmp_path / "function_app.py").write_text(own.replace(right, wrong), encoding="utf-8")
    answer = run(local, folder=tmp_path)
    assert not answer["start"]["succeeded"]
    assert complaint in answer["start"]["message"]
    assert answer["bindings"] == {}


def test_bad_settings_stop_the_indexing_and_are_named(local: LocalStack) -> None:
    answer = run(local, PICTURE_MAX_SIDE="huge", PICTURE_QUALITY="best")
    assert not answer["start"]["succeeded"]
    for name in ("PICTURE_MAX_SIDE", "PICTURE_QUALITY"):
        assert f"\n- {name}: " in answer["start"]["message"]


@pytest.fixture
def watcher(local: LocalStack) -> Iterator[Watcher]:
    """What takes telemetry."""
    with ExitStack() as ending:
        certificate = local.stack.accounts.certificate
        yield Watcher(Programs(ending).ingestion(f"{local.stack.identity_url}/keys", certificate))


def test_the_invocations_trace_goes_on_into_bc(local: LocalStack, watcher: Watcher) -> None:
    """The runtime configures telemetry, and runs functions in threads that know nothing of the host's trace."""
    local.upload()
    trusted = {"REQUESTS_CA_BUNDLE": str(local.stack.accounts.certificate.public)}
    answer = run(local, uploaded(), swept(), **watcher.ingestion.settings(), **trusted)
    assert [each["succeeded"] for each in answer["invocations"]] == [True, True]
    record = watcher.record(telemetry_names.UPLOAD_FINISHED)
    rows = {row["id"]: row for row in watcher.ingestion.rows("dependencies")}
    upload = rows[record["operation_ParentId"]]
    assert (upload["name"], upload["operation_ParentId"]) == (telemetry_names.PROCESS_UPLOAD, f"{1:016x}")
    assert record["operation_Id"] == upload["operation_Id"] == f"{1:032x}"
    (patch,) = [row for row in rows.values() if dimensions(row).get("call") == "write picture"]
    assert rows[patch["operation_ParentId"]]["name"] == telemetry_names.PLACE_PICTURE
    assert rows[rows[patch["operation_ParentId"]]["operation_ParentId"]] is upload
    assert local.requests("PATCH")[0]["client_request_id"] == as_guid(record["operation_Id"])
    swept_record = watcher.record(telemetry_names.SWEEP_FINISHED)
    assert (swept_record["operation_Id"], swept_record["operation_ParentId"]) == (f"{2:032x}", f"{1:016x}")
