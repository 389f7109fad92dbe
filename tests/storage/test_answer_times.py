"""Storage's time comes with every answer, or the upload is transient: the SDK drops its hook after a lost answer."""

import pytest

from shared.errors import Reason, Transient
from shared.storage import names
from shared.storage.incoming import Incoming
from shared.storage.originals import Originals
from shared.storage.records import ItemRecords
from shared.storage.uploads import PictureStorage
from tests.support.faulty_storage import Answer
from tests.support.local_stack import DESK, LocalStack
from tests.support.storage_transport import HookedStorage, Request, StorageHook, Verdict

COMPANY, ITEM = "ed8c4463-bbf3-5e8d-8254-829373e2e2dd", "f61949dd-c5e1-5f1c-ba9f-058c838c1a04"


class FirstAnswerLost:
    """Loses the first answer to a ``step``; the SDK repeats the request, and that one is answered."""

    def __init__(self, step: str = "read") -> None:
        self.step, self.lost = step, 0

    def __call__(self, request: Request) -> Verdict:
        if request.step == self.step and not self.lost:
            self.lost += 1
            return Answer.LOST
        return None


def test_a_read_after_a_lost_answer_is_transient(local: LocalStack) -> None:
    local.upload()
    lose = FirstAnswerLost()
    with HookedStorage(local, StorageHook(lose)) as storage, pytest.raises(Transient) as failed:
        PictureStorage(storage.service).read(DESK, 10**9)
    assert (failed.value.reason, lose.lost) == (Reason.STORAGE, 1)


def test_a_missing_record_after_a_lost_answer_is_transient(local: LocalStack) -> None:
    lose = FirstAnswerLost()
    with HookedStorage(local, StorageHook(lose)) as storage, pytest.raises(Transient) as failed:
        ItemRecords(storage.service, "sandbox").read(COMPANY, ITEM)
    assert (failed.value.reason, lose.lost) == (Reason.STORAGE, 1)


def test_a_list_after_a_lost_answer_is_transient(local: LocalStack) -> None:
    local.upload()
    local.pipeline().process(names.INCOMING, DESK)
    for listing in (
        lambda service: list(Incoming(service).pages(None)),
        lambda service: list(Originals(service).all(names.ARCHIVE)),
    ):
        lose = FirstAnswerLost("list")
        with HookedStorage(local, StorageHook(lose)) as storage, pytest.raises(Transient) as failed:
            listing(storage.service)
        assert (failed.value.reason, lose.lost) == (Reason.STORAGE, 1)
