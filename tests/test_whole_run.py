"""The look through a whole run's telemetry and log finds secrets, and names that the code does not list."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support import whole_run


def envelope(kind: str, **data: Any) -> dict[str, Any]:
    return {"data": {"baseType": kind, "baseData": data}}


def found_in(folder: Path, *envelopes: dict[str, Any]) -> list[str]:
    (folder / "1.jsonl").write_text(json.dumps(json.dumps(envelopes)) + "\n", encoding="utf-8")
    return whole_run.problems(folder)


def test_what_the_app_sends_and_logs_is_fine(tmp_path: Path) -> None:
    (tmp_path / "1.log").write_text("AccountKey=… sig=…\n", encoding="utf-8")
    (tmp_path / "2.jsonl").write_text(json.dumps('{"Instance": "live metrics"}') + "\n", encoding="utf-8")
    record = {"item_picture.blob": "a.jpg", "telemetry.other": "x"}
    found = found_in(
        tmp_path,
        envelope("MessageData", message="upload_finished", properties=record, measurements={"duration_ms": 1}),
        envelope("RemoteDependencyData", name="process upload", type="InProc", properties=None),
        envelope("RemoteDependencyData", name="GET /", type="HTTP", properties={"item_picture.call": "read upload"}),
        envelope("RemoteDependencyData", name="GET /", type="HTTP", data="https://pictures/a.jpg?sig=REDACTED"),
        envelope("RequestData", name="sweep_incoming"),
    )
    assert found == []


@pytest.mark.parametrize(
    "text",
    [
        "https://pictures.blob.core.windows.net/a.jpg?sv=1&sig=abc%3D",
        "Authorization: Bearer abcdefghij",
        f"eyJ{'a' * 20}.{'b' * 9}.c",
        "DefaultEndpointsProtocol=https;AccountKey=abc",
        f"the key {'k' * 86}==",
        "InstrumentationKey=1;IngestionEndpoint=https://x/",
    ],
)
def test_a_secret_is_found_in_what_is_sent_and_in_the_log(tmp_path: Path, text: str) -> None:
    sent, logged = tmp_path / "sent", tmp_path / "logged"
    sent.mkdir()
    logged.mkdir()
    (logged / "1.log").write_text(f"before\n{text}\nafter\n", encoding="utf-8")
    (by_log,) = whole_run.problems(logged)
    (by_telemetry,) = found_in(sent, envelope("RequestData", name=text))
    assert by_log.startswith("a secret: ")
    assert by_telemetry.startswith("a secret: ")


@pytest.mark.parametrize(
    ("kind", "data", "name"),
    [
        ("MessageData", {"message": "upload_finishd"}, "upload_finishd"),
        ("MessageData", {"message": "sweep_finished", "properties": {"item_picture.blob": "a"}}, "blob"),
        ("MessageData", {"message": "sweep_finished", "measurements": {"bytes_in": 1}}, "bytes_in"),
        ("RemoteDependencyData", {"name": "render pictures", "type": "InProc"}, "render pictures"),
        (
            "RemoteDependencyData",
            {"name": "GET /", "type": "HTTP", "properties": {"item_picture.call": "look up"}},
            "look up",
        ),
        ("RemoteDependencyData", {"name": "GET /", "type": "HTTP", "properties": {"item_picture.blob": "a"}}, "blob"),
        ("RequestData", {"name": "sweep_incoming", "properties": {"item_picture.blob": "a"}}, "blob"),
        ("MetricData", {}, "MetricData"),
    ],
)
def test_a_name_that_nobody_lists_is_found(tmp_path: Path, kind: str, data: dict[str, Any], name: str) -> None:
    assert found_in(tmp_path, envelope(kind, **data)) == [f"a name that is not listed: {name!r} in {kind}"]
