"""Gives tests of replays what they replay: originals in quarantine and in the archive."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from shared.pipeline import TakeUp
from shared.replay import Replay
from shared.report import Outcome
from shared.storage import names
from shared.storage.uploads import PictureStorage
from tests.support.faulty_storage import Answer
from tests.support.item_pictures import BLUE, picture_of
from tests.support.local_stack import DESK, LocalStack
from tests.support.storage_transport import HookedStorage, Request, StorageHook, Verdict
from tests.test_waiting import UNKNOWN_ITEM


def replays(local: LocalStack) -> Replay:
    return local.app().replay


@contextmanager
def hooked_replays(local: LocalStack, hook: StorageHook) -> Iterator[Replay]:
    """Yield what replays, with all its requests but the lists passing through ``hook``."""
    with HookedStorage(local, hook) as hooked:
        yield replace(replays(local), storage=PictureStorage(hooked.service), mover=hooked.mover())


def set_aside(local: LocalStack, path: str, content: bytes) -> str:
    """Upload a file that ends in quarantine, and return its name there."""
    before = set(local.names(names.QUARANTINE))
    local.upload(path, content)
    report = local.pipeline(ITEM_WAIT="PT0S").process(names.INCOMING, path, TakeUp(ends_waiting=True))
    assert report.outcome is Outcome.QUARANTINED
    (name,) = (name for name in set(local.names(names.QUARANTINE)) - before if not name.endswith(".txt"))
    return name


@dataclass
class DiesAt:
    """Ends the worker at its request ``number``: storage has done that one if ``is_done``, and gets no other."""

    number: int
    is_done: bool
    seen: int = 0

    def __call__(self, _request: Request) -> Verdict:
        self.seen += 1
        if self.seen < self.number:
            return None
        return Answer.LOST if self.is_done and self.seen == self.number else 503


def without_its_item(local: LocalStack) -> str:
    return set_aside(local, UNKNOWN_ITEM, picture_of(BLUE))


def rejected(local: LocalStack, colour: str) -> str:
    """Have BC refuse a picture of the desk for good."""
    local.fault(400, method="PATCH", code="Application_DialogException", message="Blocked.")
    return set_aside(local, DESK, picture_of(colour))


def archived_original(local: LocalStack, colour: str) -> str:
    """Return the archive's name of the desk's original of this colour."""
    (name,) = (n for n in local.names(names.ARCHIVE) if local.read(names.ARCHIVE, n) == picture_of(colour))
    return name
