"""The soak's auditor finds each broken promise in real containers and a real catalogue, and nothing if all is well."""

import ast
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from uuid import UUID

import pytest
import requests

from devstack.benchmarks.soak import audit, evidence
from devstack.benchmarks.soak.audit_pictures import by_hand
from devstack.benchmarks.soak.evidence import Evidence
from devstack.benchmarks.soak.findings import Promise
from devstack.benchmarks.soak.ledger import Ledger
from devstack.benchmarks.soak.plan import Company, Item, Plan, Upload
from devstack.benchmarks.soak.simulator import Simulator
from devstack.benchmarks.soak.spoilt import Spoilt
from devstack.benchmarks.soak.uploader import Uploader
from tests.support.local_stack import LocalStack

SOAK = Path(audit.__file__).parent
COMPANY = Company(
    UUID("ed8c4463-bbf3-5e8d-8254-829373e2e2dd"), "CRONUS USA, Inc.", ("CRONUS USA, Inc",), is_default=True
)
ITEM = Item(UUID("f61949dd-c5e1-5f1c-ba9f-058c838c1a04"), COMPANY, "1896-S", "4000012424869", 0.0, 77)
NAME = "CRONUS USA, Inc/1896-S.jpg"
GOOD = Upload(1, 0.0, NAME, ITEM, picture=1)
NEWER = Upload(2, 0.0, "CRONUS USA, Inc/1896-S.png", ITEM, picture=2)
BAD = Upload(3, 0.0, "CRONUS USA, Inc/1896-S/back.jpg", ITEM, spoilt=Spoilt.NOT_A_PICTURE)


@dataclass
class Scene:
    """A stack in which the app has done its work, for a test to spoil."""

    local: LocalStack
    keep: str = "true"
    ledger: Ledger = field(default_factory=lambda: Ledger(Plan(0, 0.0, (ITEM,), ())))

    def __post_init__(self) -> None:
        self.simulator = Simulator(self.local.stack.endpoints.simulator_control_url, 0)
        self.simulator.show(ITEM, by_hand(77))
        self.uploader = Uploader(self.local.storage, self.ledger)
        template = "{company}/{item}.{extension}|{company}/{item}/{name}.{extension}"
        self.pipeline = self.local.pipeline(BLOB_PATH_TEMPLATE=template, KEEP_EXISTING=self.keep)

    def upload(self, *uploads: Upload) -> None:
        for upload in uploads:
            self.uploader.send(upload)
            self.pipeline.process("product-images", upload.name)

    def findings(self) -> set[Promise]:
        return {finding.promise for finding in self.verdict().findings}

    def verdict(self) -> audit.Verdict:
        self.simulator.keep_log()
        ends = self.local.stack.endpoints
        pictures = evidence.read_pictures(ends.business_central_url, ends.business_central_token, [ITEM])
        writes = {ITEM.id: self.simulator.writes(ITEM)}
        blobs = evidence.read_blobs(self.local.storage)
        return audit.judge(self.ledger, Evidence(blobs, pictures, writes, self.simulator.requests))

    def archived(self, number: int = 1) -> evidence.Blob:
        sent = self.ledger.find(number)
        return next(b for b in evidence.read_blobs(self.local.storage) if sent and b.sha256 == sent.sha256)

    def put(self, container: str, name: str, content: bytes, marks: dict[str, str]) -> None:
        self.local.storage.get_blob_client(container, name).upload_blob(content, metadata=marks, overwrite=True)

    def take(self, blob: evidence.Blob) -> tuple[bytes, dict[str, str]]:
        client = self.local.storage.get_blob_client(blob.container, blob.name)
        return client.download_blob().readall(), client.get_blob_properties().metadata

    def remove(self, blob: evidence.Blob) -> None:
        self.local.storage.get_blob_client(blob.container, blob.name).delete_blob()

    def patch(self, content: bytes, request_id: str) -> None:
        """Write to BC behind the app's back, and ignore the answer, as an app without the record would."""
        ends = self.local.stack.endpoints
        address = f"{ends.business_central_url}/companies({COMPANY.id})/items({ITEM.id})/picture/pictureContent"
        headers = {"Authorization": f"Bearer {ends.business_central_token}", "If-Match": "*"}
        with suppress(requests.ConnectionError):
            requests.patch(address, content, headers={**headers, "client-request-id": request_id}, timeout=10)

    def shown(self) -> bytes:
        return self.simulator.writes(ITEM)[-1].content


@pytest.fixture
def scene(local: LocalStack) -> Scene:
    return Scene(local)


def test_work_well_done_has_no_findings(scene: Scene) -> None:
    scene.upload(GOOD, BAD, NEWER, replace(GOOD, number=4, replays=1))
    verdict = scene.verdict()
    assert (verdict.findings, verdict.repeated, verdict.writes) == ([], [], 2)


def test_an_upload_that_may_wait_for_ever_is_no_finding(scene: Scene) -> None:
    scene.uploader.send(Upload(5, 0.0, "Nobody 5 Ltd/S1.jpg", None, spoilt=Spoilt.NO_COMPANY))
    assert scene.findings() == set()


def copy_to_quarantine(scene: Scene) -> None:
    blob = scene.archived(3)
    scene.put("quarantine", f"not_an_image/again/{blob.name}", *scene.take(blob))


def delete(scene: Scene) -> None:
    scene.remove(scene.archived())


def change_bytes(scene: Scene) -> None:
    blob = scene.archived()
    scene.put(blob.container, blob.name, b"other bytes", scene.take(blob)[1])


def leave_in_incoming(scene: Scene) -> None:
    scene.uploader.send(Upload(6, 0.0, "CRONUS USA, Inc/1896-S/left.jpg", ITEM, picture=2))


def quarantine_a_good_one(scene: Scene) -> None:
    blob = scene.archived()
    content, marks = scene.take(blob)
    scene.put("quarantine", "rejected/1.jpg", content, {**marks, "reason": "rejected"})
    scene.put("quarantine", "rejected/1.jpg.txt", b"note", marks)
    scene.remove(blob)


def archive_a_bad_one(scene: Scene) -> None:
    blob = scene.archived(3)
    scene.put("archive", "CRONUS USA, Inc/1896-S/3.jpg", *scene.take(blob))
    scene.remove(blob)


def remove_the_note(scene: Scene) -> None:
    scene.local.storage.get_blob_client("quarantine", f"{scene.archived(3).name}.txt").delete_blob()


def add_a_blob(scene: Scene) -> None:
    scene.put("archive", "CRONUS USA, Inc/1896-S/who.jpg", b"who", {})


def show_an_older_picture(scene: Scene) -> None:
    scene.simulator.show(ITEM, GOOD.content())


def forget_what_was_there(scene: Scene) -> None:
    (before,) = (b for b in evidence.read_blobs(scene.local.storage) if ".before." in b.name)
    scene.remove(before)


def write_again(scene: Scene) -> None:
    scene.patch(scene.shown(), "again")


def repeat_blindly(scene: Scene) -> None:
    scene.local.fault(drop=True, applied=True, method="PATCH")
    for _ in range(2):
        scene.patch(scene.shown(), "blind")


@pytest.mark.parametrize(
    ("spoil", "promise"),
    [
        (copy_to_quarantine, Promise.TWO_PLACES),
        (delete, Promise.LOST),
        (change_bytes, Promise.CHANGED),
        (leave_in_incoming, Promise.LEFT),
        (quarantine_a_good_one, Promise.WRONG_QUARANTINE),
        (archive_a_bad_one, Promise.NOT_REFUSED),
        (remove_the_note, Promise.NO_NOTE),
        (add_a_blob, Promise.UNKNOWN),
        (show_an_older_picture, Promise.STALE),
        (forget_what_was_there, Promise.NOT_KEPT),
        (write_again, Promise.NEEDLESS_WRITE),
        (repeat_blindly, Promise.BLIND),
    ],
)
def test_each_broken_promise_is_found(scene: Scene, spoil: Callable[[Scene], None], promise: Promise) -> None:
    scene.upload(GOOD, NEWER, BAD)
    assert scene.findings() == set()
    spoil(scene)
    assert promise in scene.findings()


def test_a_write_after_a_lost_answer_is_listed_with_its_cause(scene: Scene) -> None:
    scene.upload(GOOD)
    shown = scene.shown()
    scene.local.fault(504, method="PATCH")
    scene.patch(shown, "lost")
    scene.patch(shown, "again")
    verdict = scene.verdict()
    assert verdict.findings == []
    assert [write.cause for write in verdict.repeated] == ["an earlier write got 504"]


def test_bringing_the_newest_picture_back_is_explained_however_late_the_sweep_is(scene: Scene) -> None:
    scene.upload(GOOD)
    older = scene.shown()
    scene.local.fault(504, method="PATCH", applied="later", delay=20)
    scene.patch(older, "lost")
    scene.upload(NEWER)
    newest = scene.shown()
    scene.local.pass_time(seconds=21)
    assert scene.shown() == older
    scene.local.pass_time(seconds=600)
    scene.patch(newest, "back")
    verdict = scene.verdict()
    assert verdict.findings == []
    assert [write.cause for write in verdict.repeated] == ["this write got 504", "another picture had come back late"]


def test_bringing_it_back_is_explained_after_a_slow_answer_too(scene: Scene) -> None:
    """The app no longer waited for it; Business Central says that all is well."""
    scene.upload(GOOD)
    older = scene.shown()
    scene.upload(NEWER)
    newest = scene.shown()
    scene.local.control("POST", "latency", seconds=2.1, method="PATCH")
    scene.patch(older, "slow")
    scene.local.control("DELETE", "latency")
    scene.local.pass_time(seconds=600)
    scene.patch(newest, "back")
    verdict = scene.verdict()
    assert verdict.findings == []
    assert [write.cause for write in verdict.repeated] == ["this write took 2 s", "another picture had come back late"]


def test_a_picture_that_came_back_in_time_explains_no_write(scene: Scene) -> None:
    scene.upload(GOOD, NEWER)
    newest = scene.shown()
    scene.patch(by_hand(77), "answered")
    scene.patch(newest, "needless")
    told = [each.detail for each in scene.verdict().findings if each.promise is Promise.NEEDLESS_WRITE][-1]
    assert told.startswith("picture 2 of item 1896-S: no cause")
    lines = [line.partition(": ")[2] for line in told.splitlines()[1:]]
    assert lines[0] == "picture 77 stored by a person"
    assert lines.index("picture 2 stored by needless") > lines.index("picture 77 stored by answered")
    assert any(line.startswith("needless got 204 after") for line in lines)


def test_one_lost_answer_does_not_excuse_many_writes(scene: Scene) -> None:
    scene.upload(GOOD)
    shown = scene.shown()
    scene.local.fault(504, method="PATCH")
    for number in range(4):
        scene.patch(shown, f"again {number}")
    assert scene.findings() == {Promise.NEEDLESS_WRITE}


def test_an_overwritten_upload_may_be_nowhere(scene: Scene) -> None:
    scene.uploader.send(GOOD)
    scene.upload(replace(NEWER, name=GOOD.name))
    assert [sent.replaced_by for sent in scene.ledger.sent] == [2, None]
    assert scene.findings() == set()


def test_the_auditor_shares_no_code_with_the_app() -> None:
    assert {"shared.paths", "shared.errors.Reason"} <= imported(
        "from shared import paths\nfrom shared.errors import Reason"
    )
    reached, new = set[str](), {"audit", "evidence", "pattern", "spoilt"}
    while new:
        module = new.pop()
        names = imported((SOAK / f"{module}.py").read_text(encoding="utf-8"))
        assert not [name for name in names if name.split(".")[0] == "shared"], module
        reached.add(module)
        own = {name.split(".")[3] for name in names if name.startswith("devstack.benchmarks.soak.")}
        foreign = {name for name in names if name.startswith("devstack.") and ".soak" not in name}
        assert module not in ("audit", "evidence") or foreign == set()
        new |= {name for name in own if (SOAK / f"{name}.py").exists()} - reached
    assert {"audit_places", "audit_pictures", "audit_writes", "ledger", "plan"} <= reached


def imported(source: str) -> set[str]:
    """Return the full names of what a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names
