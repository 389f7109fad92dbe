"""Every row of the error table, provoked through the whole chain: real SDKs, Azurite, identity, simulated BC."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPMessage
from io import BytesIO

import pytest
from PIL import Image

from devstack.identity import USER_ASSIGNED
from shared.business_central.http import Timeouts
from shared.errors import Reason, Transient
from shared.report import Outcome
from shared.storage import names
from tests.support.faulty_storage import storage_proxy
from tests.support.local_stack import DESK, DESK_ID, LocalStack, Log, ManualClock, photograph

UNKNOWN_ITEM = "CRONUS USA, Inc/9999-X.jpg"


def fails(local: LocalStack, reason: Reason, name: str = DESK, **options: str) -> Transient:
    """Deliver once; the delivery must fail for ``reason`` and leave the upload where it is."""
    with pytest.raises(Transient) as failure:
        local.pipeline(**options).process(names.INCOMING, name)
    assert failure.value.reason is reason
    assert local.incoming(name).exists()
    assert local.names(names.QUARANTINE) == []
    return failure.value


def is_quarantined(local: LocalStack, name: str, content: bytes, reason: str, **options: str) -> str:
    """Deliver once; the upload must lie in quarantine with an explanation, which is returned."""
    local.upload(name, content)
    report = local.pipeline(**options).process(names.INCOMING, name)
    assert (report.outcome, report.reason) == (Outcome.QUARANTINED, reason)
    original, note = local.names(names.QUARANTINE)
    assert original.startswith(f"{reason}/")
    assert note == f"{original}.txt"
    assert local.read(names.QUARANTINE, original) == content
    assert local.names(names.INCOMING) == []
    assert local.names(names.ARCHIVE) == []
    assert local.metadata(names.QUARANTINE, original)["reason"] == reason
    explanation = (local.read(names.QUARANTINE, note) or b"").decode()
    assert name in explanation
    return explanation


# --- what the photographer has to mend ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path", ["CRONUS USA, Inc/2026/1896-S.jpg", "no-extension", "CRONUS USA, Inc/.jpg", "a//b.jpg"]
)
def test_a_path_that_matches_no_template_is_quarantined_with_the_template(local: LocalStack, path: str) -> None:
    explanation = is_quarantined(local, path, photograph(), "bad_path")
    assert "{company}/{item}.{extension}" in explanation
    assert local.requests() == []


@pytest.mark.parametrize("name", [".DS_Store", "CRONUS USA, Inc/Thumbs.db", "CRONUS USA, Inc/._1896-S.jpg"])
def test_what_systems_leave_behind_is_put_aside_without_a_warning(
    local: LocalStack, log: Log, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    is_quarantined(local, name, b"\0\0\0\1Bud1", "ignored")
    assert [record.levelname for record in caplog.records if record.name == "item_picture_sync"] == ["INFO"]
    assert log()[0]["reason"] == "ignored"


@pytest.mark.parametrize(
    ("name", "metadata"), [("CRONUS USA, Inc", {"hdi_isfolder": "true"}), ("CRONUS USA, Inc/2026/", {})]
)
def test_a_directory_marker_is_ignored(local: LocalStack, name: str, metadata: dict[str, str]) -> None:
    local.incoming(name).upload_blob(b"", metadata=metadata)
    report = local.pipeline().process(names.INCOMING, name)
    assert (report.outcome, report.reason) == (Outcome.QUARANTINED, "ignored")


def test_a_picture_under_a_name_that_ends_in_a_slash_is_no_directory_marker(local: LocalStack) -> None:
    is_quarantined(local, "CRONUS USA, Inc/1896-S.jpg/", photograph(), "bad_path")


def test_too_many_bytes_are_refused_before_they_are_decoded(local: LocalStack) -> None:
    explanation = is_quarantined(local, DESK, photograph(), "too_large", SOURCE_MAX_BYTES="1000")
    assert "1,000" in explanation


def test_too_many_pixels_are_refused_before_they_are_decoded(local: LocalStack) -> None:
    target = BytesIO()
    Image.new("1", (12000, 9000)).save(target, "PNG")
    assert "12000 × 9000" in is_quarantined(local, DESK, target.getvalue(), "too_large")


@pytest.mark.parametrize(
    "content",
    [
        photograph()[:3000],
        b"",
        b"These are not the bytes you are looking for.",
        b"<svg xmlns='x'/>",
        b"\xff\xd8" * 900,
    ],
    ids=["truncated", "empty", "text", "SVG", "corrupt"],
)
def test_what_is_no_complete_picture_is_quarantined(local: LocalStack, content: bytes) -> None:
    is_quarantined(local, DESK, content, "not_an_image")
    assert local.requests() == []


def test_a_picture_that_stays_too_large_at_the_lowest_quality_and_size_is_quarantined(local: LocalStack) -> None:
    noise = Image.frombytes("RGB", (512, 512), random.Random(1).randbytes(512 * 512 * 3))
    target = BytesIO()
    noise.save(target, "PNG")
    is_quarantined(local, DESK, target.getvalue(), "too_large", PICTURE_MAX_BYTES="4096")


def test_a_gtin_of_two_items_is_quarantined_with_their_numbers(local: LocalStack) -> None:
    explanation = is_quarantined(
        local, "4000013454339.jpg", photograph(), "item_ambiguous", BLOB_PATH_TEMPLATE="{gtin}.{extension}"
    )
    assert "'A&B 50%'" in explanation
    assert "'Ä-1100'" in explanation


# --- what may still come -----------------------------------------------------------------------------------------


def appears_item(local: LocalStack) -> None:
    company = local.stack.endpoints.company_id
    local.control("POST", "items", company_id=company, number="9999-X", displayName="Here at last")


def appears_company(local: LocalStack) -> None:
    company = local.control("POST", "companies", name="Fabrikam")
    local.control("POST", "items", company_id=company["id"], number="1000", displayName="Lamp")


def allow(local: LocalStack) -> None:
    local.control("POST", "reset")


@pytest.mark.parametrize(
    ("name", "reason", "then"),
    [
        (UNKNOWN_ITEM, "item_not_found", appears_item),
        ("CRONUS USA, Inc/00000000-0000-0000-0000-000000000001.jpg", "item_not_found", None),
        ("Fabrikam/1000.jpg", "company_not_found", appears_company),
        (DESK, "rejected", allow),
    ],
    ids=["item", "item by id", "company", "business logic"],
)
def test_a_picture_may_come_before_bc_is_ready_for_it(
    local: LocalStack, name: str, reason: str, then: Callable[[LocalStack], None] | None
) -> None:
    if reason == "rejected":
        local.fault(
            400,
            method="PATCH",
            code="Application_DialogException",
            message="The item is blocked.",
            count=None,
        )
    clock = ManualClock()
    pipeline = local.pipeline(clock=clock)
    sent = local.upload(name)
    report = pipeline.process(names.INCOMING, name)
    assert (report.outcome, report.reason) == (Outcome.WAITING, reason)
    assert local.read(names.INCOMING, name) == sent
    assert local.names(names.QUARANTINE) == local.names(names.ARCHIVE) == []
    if then:
        then(local)
        clock.now += 60  # unknown companies are looked for again after a minute
        assert pipeline.process(names.INCOMING, name).outcome is Outcome.UPDATED


@pytest.mark.parametrize(
    ("name", "reason"),
    [(UNKNOWN_ITEM, "item_not_found"), ("Fabrikam/1000.jpg", "company_not_found"), (DESK, "rejected")],
)
def test_waiting_ends_in_quarantine_after_item_wait(local: LocalStack, name: str, reason: str) -> None:
    local.fault(400, method="PATCH", code="Application_DialogException", message="The item is blocked.", count=None)
    is_quarantined(local, name, photograph(), reason, ITEM_WAIT="PT0S")


def test_a_company_that_is_restored_under_another_id_is_looked_up_again(local: LocalStack) -> None:
    clock = ManualClock()
    pipeline = local.pipeline(clock=clock)
    local.upload()
    pipeline.process(names.INCOMING, DESK)
    local.upload(content=photograph("#aa2200"))
    local.fault(404, code="Internal_CompanyNotFound", path="items")
    report = pipeline.process(names.INCOMING, DESK)
    assert (report.outcome, report.reason) == (Outcome.WAITING, "company_not_found")
    clock.now += 60
    assert pipeline.process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert len([request for request in local.requests() if request["path"].endswith("/companies")]) == 2


def test_uploads_that_come_together_share_one_look_up(local: LocalStack) -> None:
    uploads = [f"CRONUS USA, Inc/{number}.jpg" for number in ("1896-S", "1900-S", "1906-S", "1908-S")]
    for name in uploads:
        local.upload(name)
    local.control("POST", "latency", seconds=0.2, path="companies")
    pipeline = local.pipeline()
    with ThreadPoolExecutor(len(uploads)) as threads:
        reports = list(threads.map(lambda name: pipeline.process(names.INCOMING, name), uploads))
    assert [report.outcome for report in reports] == [Outcome.UPDATED] * len(uploads)
    assert len([request for request in local.requests() if request["path"].endswith("/companies")]) == 1


def test_an_unknown_company_does_not_cost_a_look_up_for_each_picture(local: LocalStack) -> None:
    pipeline = local.pipeline()
    for name in ("Fabrikam/1.jpg", "Fabrikam/2.jpg", "Contoso/3.jpg"):
        local.upload(name)
        assert pipeline.process(names.INCOMING, name).outcome is Outcome.WAITING
    assert len(local.requests()) == 1


def test_a_missing_default_company_keeps_the_picture_waiting(local: LocalStack) -> None:
    local.upload("1896-S.jpg")
    report = local.pipeline(BC_COMPANY="").process(names.INCOMING, "1896-S.jpg")
    assert (report.outcome, report.reason) == (Outcome.WAITING, "company_not_found")
    assert "BC_COMPANY" in str(report.detail)


# --- what is our fault or the deployment's -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "BadRequest_InvalidToken"),
        (403, "Internal_ServerError"),
        (404, "BadRequest_NotFound"),
        (409, "Internal_EntityWithSameKeyExists"),
        (413, "RequestEntityTooLarge"),
        (415, "UnsupportedMediaType"),
    ],
)
def test_a_refusal_that_is_not_the_pictures_fault_leaves_it_in_incoming(
    local: LocalStack, status: int, code: str
) -> None:
    local.upload()
    local.fault(status, code=code, method="PATCH", count=None)
    assert str(status) in fails(local, Reason.BC_REFUSED).detail
    assert len(local.requests("PATCH")) == 1


def test_a_401_is_answered_with_one_fresh_token(local: LocalStack) -> None:
    local.upload()
    local.fault(401, method="PATCH")
    before = len(local.tokens())
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert len(local.tokens()) == before + 2  # the first one, and the one past the cache


def test_a_401_that_stays_is_an_error_of_the_deployment(local: LocalStack) -> None:
    local.upload()
    local.fault(401, count=None)
    assert "Microsoft Entra Applications" in fails(local, Reason.BC_UNAUTHORIZED).detail
    assert len(local.requests()) == 2


def test_a_user_assigned_identity_asks_in_its_own_name(local: LocalStack) -> None:
    local.upload()
    assert local.pipeline(AZURE_CLIENT_ID=USER_ASSIGNED).process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert local.tokens()[-1]["client_id"] == USER_ASSIGNED


def test_an_identity_endpoint_that_answers_nonsense_leaves_the_picture_in_incoming(
    local: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.upload()
    monkeypatch.setenv("IDENTITY_ENDPOINT", local.stack.endpoints.catalogue_url)  # HTML
    fails(local, Reason.IDENTITY)


def test_an_identity_that_gives_no_token_leaves_the_picture_in_incoming(
    local: LocalStack, monkeypatch: pytest.MonkeyPatch
) -> None:
    local.upload()
    monkeypatch.setenv("IDENTITY_HEADER", "wrong")
    assert "X-IDENTITY-HEADER" in fails(local, Reason.IDENTITY).detail
    assert local.requests() == []


def test_an_unknown_user_assigned_identity_is_named(local: LocalStack) -> None:
    local.upload()
    fails(local, Reason.IDENTITY, AZURE_CLIENT_ID="0f0f0f0f-0000-4000-8000-000000000000")


# --- Business Central is busy, gone, or silent -------------------------------------------------------------------


@pytest.mark.parametrize("status", [429, 503])
def test_a_short_refusal_is_waited_out(local: LocalStack, status: int) -> None:
    local.upload()
    local.fault(status, count=2)
    local.fault(status, count=2, method="PATCH")
    clock = ManualClock()
    assert local.pipeline(clock=clock).process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert len(clock.slept) == 4


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize("retry_after", [None, "7", "86400", "soon", "-5", "Wed, 21 Oct 2037 07:28:00 GMT"])
def test_a_long_refusal_becomes_transient_after_bounded_waiting(
    local: LocalStack, status: int, retry_after: str | None
) -> None:
    local.upload()
    local.fault(status, count=None, headers={"Retry-After": retry_after} if retry_after else {})
    clock = ManualClock()
    with pytest.raises(Transient) as failure:
        local.pipeline(clock=clock).process(names.INCOMING, DESK)
    assert failure.value.reason is Reason.BC_UNAVAILABLE
    assert 10 < clock.now <= 21
    assert 2 <= len(local.requests()) <= 6
    assert local.incoming().exists()


def test_a_retry_after_beyond_all_waiting_leads_to_one_more_try(local: LocalStack) -> None:
    local.upload()
    local.fault(429, count=None, headers={"Retry-After": "86400"})
    clock = ManualClock()
    with pytest.raises(Transient):
        local.pipeline(clock=clock).process(names.INCOMING, DESK)
    assert clock.slept == [20.0]
    assert len(local.requests()) == 2


def test_retry_after_is_honoured(local: LocalStack) -> None:
    local.upload()
    local.fault(429, headers={"Retry-After": "7"})
    clock = ManualClock()
    local.pipeline(clock=clock).process(names.INCOMING, DESK)
    assert clock.slept == [7.0]


def test_a_business_central_that_cannot_be_reached_leaves_the_picture_in_incoming(local: LocalStack) -> None:
    local.upload()
    fails(local, Reason.BC_UNAVAILABLE, BC_BASE_URL="http://127.0.0.1:9/api/v2.0")


@pytest.mark.parametrize("status", [502, 504])
def test_reading_is_repeated_where_a_gateway_failed(local: LocalStack, status: int) -> None:
    local.upload()
    local.fault(status, method="GET", count=2)
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED


@pytest.mark.parametrize("status", [408, 500, 502, 504])
@pytest.mark.parametrize("applied", [False, True])
def test_a_patch_without_a_definite_answer_is_not_repeated_blindly(
    local: LocalStack, status: int, applied: bool
) -> None:
    local.upload()
    local.fault(status, method="PATCH", count=None, applied=applied)
    fails(local, Reason.BC_NO_ANSWER)
    assert len(local.requests("PATCH")) == 1
    assert (local.picture() is not None) == applied


@pytest.mark.parametrize("applied", [False, True])
def test_a_patch_whose_connection_breaks_is_not_repeated_blindly(local: LocalStack, applied: bool) -> None:
    local.upload()
    local.fault(drop=True, method="PATCH", count=None, applied=applied)
    fails(local, Reason.BC_NO_ANSWER)
    assert len(local.requests("PATCH")) == 1


def test_a_patch_that_takes_too_long_is_given_up_and_not_repeated(local: LocalStack) -> None:
    local.upload()
    local.control("POST", "latency", seconds=30, method="PATCH")
    with pytest.raises(Transient) as failure:
        local.pipeline(timeouts=Timeouts(write=0.2)).process(names.INCOMING, DESK)
    assert failure.value.reason is Reason.BC_NO_ANSWER
    assert local.incoming().exists()
    local.control("DELETE", "latency")


def test_reading_that_gets_no_answer_is_tried_once_more(local: LocalStack) -> None:
    local.upload()
    local.fault(drop=True, method="GET")
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED


def test_a_changed_entity_is_read_again_and_written_once_more(local: LocalStack) -> None:
    local.upload()
    local.fault(409, method="PATCH", code="Request_EntityChanged")
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert [request["method"] for request in local.requests()] == ["GET", "GET", "PATCH", "GET", "PATCH"]


def test_an_entity_that_changes_all_the_time_is_transient(local: LocalStack) -> None:
    local.upload()
    local.fault(409, method="PATCH", code="Request_EntityChanged", count=None)
    fails(local, Reason.BC_CONFLICT)
    assert len(local.requests("PATCH")) == 2


def test_an_item_that_goes_between_reading_and_writing_is_waited_for(local: LocalStack) -> None:
    local.upload()
    local.fault(404, method="PATCH", code="BadRequest_ResourceNotFound")
    report = local.pipeline().process(names.INCOMING, DESK)
    assert (report.outcome, report.reason) == (Outcome.WAITING, "item_not_found")


# --- the source and storage --------------------------------------------------------------------------------------


def test_a_source_that_is_gone_is_superseded(local: LocalStack) -> None:
    report = local.pipeline().process(names.INCOMING, DESK)
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "source_gone")
    assert local.requests() == []


def test_a_bad_path_that_is_gone_is_superseded(local: LocalStack) -> None:
    report = local.pipeline().process(names.INCOMING, "a/b/c/d.jpg")
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "source_gone")


def test_an_event_for_another_container_touches_nothing(local: LocalStack) -> None:
    local.storage.get_blob_client(names.ARCHIVE, DESK).upload_blob(photograph())
    report = local.pipeline().process(names.ARCHIVE, DESK)
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "not_incoming")
    assert local.names(names.ARCHIVE) == [DESK]


class Once:
    """Does something at the first request to storage that matches, and lets all pass."""

    def __init__(self, then: Callable[[], object], matches: Callable[[str, str, HTTPMessage], bool]) -> None:
        self._then, self._matches, self.done = then, matches, False

    def __call__(self, method: str, path: str, headers: HTTPMessage) -> None:
        if not self.done and self._matches(method, path, headers):
            self.done = True
            self._then()


def is_copy(method: str, _path: str, headers: HTTPMessage) -> bool:
    return method == "PUT" and "x-ms-copy-source" in headers


def is_delete(method: str, _path: str, _headers: HTTPMessage) -> bool:
    return method == "DELETE"


def is_second_part(method: str, _path: str, headers: HTTPMessage) -> bool:
    return method == "GET" and not str(headers.get("x-ms-range", "")).startswith("bytes=0-")


def test_a_source_that_is_replaced_while_it_is_read_is_superseded(local: LocalStack) -> None:
    name = "CRONUS USA, Inc/1896-S.bmp"
    local.upload(name, photograph(size=(4000, 4000), picture_format="BMP"))
    replace = Once(lambda: local.upload(name, b"newer"), is_second_part)
    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], replace) as connection:
        report = local.pipeline(PICTURE_STORAGE=connection).process(names.INCOMING, name)
    assert replace.done
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "source_changed")
    assert local.read(names.INCOMING, name) == b"newer"
    assert local.requests() == []


@pytest.mark.parametrize("step", [is_copy, is_delete], ids=["before the copy", "before the delete"])
@pytest.mark.parametrize("replaced", [True, False], ids=["replaced", "removed"])
def test_a_source_that_changes_after_the_patch_loses_neither_version(
    local: LocalStack, step: Callable[[str, str, HTTPMessage], bool], replaced: bool
) -> None:
    sent = local.upload()
    change = Once(lambda: local.upload(content=b"newer") if replaced else local.incoming().delete_blob(), step)
    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], change) as connection:
        report = local.pipeline(PICTURE_STORAGE=connection).process(names.INCOMING, DESK)
    assert change.done
    assert report.outcome is Outcome.UPDATED
    assert local.read(names.INCOMING, DESK) == (b"newer" if replaced else None)
    assert [local.read(names.ARCHIVE, name) for name in local.names(names.ARCHIVE)] == [sent]


def test_a_bad_picture_that_is_replaced_meanwhile_is_superseded(local: LocalStack) -> None:
    local.upload(content=b"not a picture")
    replace = Once(lambda: local.upload(content=b"newer"), is_copy)
    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], replace) as connection:
        report = local.pipeline(PICTURE_STORAGE=connection).process(names.INCOMING, DESK)
    assert replace.done
    assert (report.outcome, report.reason) == (Outcome.SUPERSEDED, "source_changed")
    assert local.read(names.INCOMING, DESK) == b"newer"


def test_a_bad_picture_that_is_gone_before_it_is_deleted_lies_in_quarantine_all_the_same(
    local: LocalStack,
) -> None:
    """So it looks when the answer to the delete was lost and the SDK asked again."""
    local.upload(content=b"not a picture")
    remove = Once(lambda: local.incoming().delete_blob(), is_delete)
    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], remove) as connection:
        report = local.pipeline(PICTURE_STORAGE=connection).process(names.INCOMING, DESK)
    assert (report.outcome, report.reason) == (Outcome.QUARANTINED, "not_an_image")
    assert len(local.names(names.QUARANTINE)) == 2


@pytest.mark.parametrize(
    ("status", "code"),
    [(404, "CannotVerifyCopySource"), (400, "InvalidHeaderValue"), (409, "InvalidBlobType")],
)
@pytest.mark.parametrize("content", [photograph(), b""], ids=["picture", "empty"])
def test_what_the_service_does_not_copy_is_moved_all_the_same(
    local: LocalStack, status: int, code: str, content: bytes
) -> None:
    """Empty blobs, append blobs, names whose address exceeds a header: Azurite copies them, Azure does not."""
    local.upload(content=content)

    def refuse(method: str, path: str, headers: HTTPMessage) -> tuple[int, str] | None:
        return (status, code) if is_copy(method, path, headers) else None

    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], refuse) as connection:
        local.pipeline(PICTURE_STORAGE=connection).process(names.INCOMING, DESK)
    assert local.names(names.INCOMING) == []
    container = names.ARCHIVE if content else names.QUARANTINE
    assert local.read(container, local.names(container)[0]) == content
    assert local.metadata(container, local.names(container)[0])["source_name"] == DESK


@pytest.mark.parametrize("container", [names.INCOMING, names.ARCHIVE])
def test_a_missing_container_is_not_a_missing_picture(local: LocalStack, container: str) -> None:
    local.upload()
    local.storage.delete_container(container)
    with pytest.raises(Transient) as failure:
        local.pipeline().process(names.INCOMING, DESK)
    assert failure.value.reason is Reason.STORAGE
    assert "ContainerNotFound" in failure.value.detail


def test_a_leased_source_waits_for_the_lease_to_end(local: LocalStack) -> None:
    local.upload()
    lease = local.incoming().acquire_lease(lease_duration=60)
    try:
        assert "LeaseIdMissing" in fails(local, Reason.STORAGE).detail
    finally:
        lease.release()
    assert local.pipeline().process(names.INCOMING, DESK).outcome is Outcome.UPDATED
    assert len(local.names(names.ARCHIVE)) == 1


@pytest.mark.parametrize(
    "told", [{}, {"source_name": "CRONUS"}, {"source_name": DESK}], ids=["foreign", "other", "half"]
)
def test_a_blob_under_the_archive_name_that_is_not_this_upload_is_left_alone(
    local: LocalStack, told: dict[str, str]
) -> None:
    """Also one that names this very upload, but is not all of it."""
    local.upload()
    pipeline = local.pipeline()
    source = pipeline.storage.read(DESK, 10**9)
    name = names.archive_name("CRONUS USA, Inc.", "1896-S", DESK, source.etag, source.uploaded_at)
    metadata = names.encode_metadata({**told, "source_etag": names.unquoted_etag(source.etag)})
    local.storage.get_blob_client(names.ARCHIVE, name).upload_blob(b"somebody else's", metadata=metadata)
    assert name in fails(local, Reason.STORAGE).detail
    assert local.read(names.ARCHIVE, name) == b"somebody else's"


def test_a_wrong_key_is_an_error_of_the_deployment(local: LocalStack) -> None:
    local.upload()
    key = local.stack.app_settings["PICTURE_STORAGE"].split("AccountKey=")[1].split(";")[0]
    wrong = local.stack.app_settings["PICTURE_STORAGE"].replace(key, "d3Jvbmc=")
    fails(local, Reason.STORAGE, PICTURE_STORAGE=wrong)
    assert local.requests() == []


def test_storage_that_stumbles_is_asked_again(local: LocalStack) -> None:
    local.upload()
    answers = [503, 500]
    with storage_proxy(
        local.stack.app_settings["PICTURE_STORAGE"], lambda *_: answers.pop() if answers else None
    ) as connection:
        assert local.pipeline(PICTURE_STORAGE=connection).process(names.INCOMING, DESK).outcome is Outcome.UPDATED


def test_storage_that_is_down_fails_the_delivery(local: LocalStack) -> None:
    local.upload()
    with storage_proxy(local.stack.app_settings["PICTURE_STORAGE"], lambda *_: 503) as connection:
        fails(local, Reason.STORAGE, PICTURE_STORAGE=connection)
    assert local.requests() == []


def test_a_failed_delivery_tells_how_far_it_came(local: LocalStack, log: Log) -> None:
    local.upload()
    local.fault(403, method="PATCH")
    fails(local, Reason.BC_REFUSED)
    (line,) = log()
    assert (line["event"], line["reason"], line["item_id"]) == ("upload_failed", "bc_refused", DESK_ID)
    assert line["outcome"] is None
    assert line["bytes_out"] > 0
