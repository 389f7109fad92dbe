"""Uploads for one item that are delivered at once: what comes, who goes on, and what must be so at rest."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from requests import RequestException, Response

from shared.errors import Transient
from shared.pipeline import Pipeline
from shared.report import Report
from shared.storage import names
from tests.protocol.schedules import Actor
from tests.support import outgoing_requests
from tests.support.item_promises import FreshItem, small
from tests.support.local_stack import LocalStack
from tests.support.outgoing_requests import BC, Effect, Hook, Send

KEPT = small("white", "PNG")
# Minutes. BC takes up to 16 for what nobody waits for any more; one of the sweeps comes shortly before that.
LANDS_AFTER = 16
SWEEPS = (0, 4, 4, 4, 3.5, 5, 21, 21)


@dataclass(frozen=True)
class Upload:
    """A picture: its name's extension and whether it names the item by id; ``meanwhile`` it comes while others are delivered."""

    colour: str
    extension: str = "jpg"
    by_id: bool = False
    meanwhile: bool = False
    deliveries: int = 1
    seconds_later: int = 0  # than the one before it


@dataclass(frozen=True)
class Case:
    """Uploads in the order in which they come, and which of them the item shows in the end.

    ``had`` is what the item had before: a picture of somebody else, an earlier upload, or nothing. ``lost`` has the
    first PATCH get no answer; its picture is written later, at any moment, or after so many minutes. ``writes`` is how
    many there are at most (0: one for each upload), without those that the log calls repeated. ``large``: with how many
    orders the usual run is content; ``dies``: how many it tries in which processes die.
    """

    name: str
    uploads: tuple[Upload, ...]
    shows: str
    had: str = ""
    lost: bool = False
    lost_minutes: float | None = None
    writes: int = 0
    large: int = 0
    dies: int = 0


class Book:
    """What deliveries read and wrote, by the ETag of the upload."""

    def __init__(self) -> None:
        self.done: set[str] = set()
        self.written: Counter[str] = Counter()  # how often its picture was sent to BC

    def noting(self, hook: Hook) -> Hook:
        """Return a hook that notes what one delivery does."""
        current = ""

        def note(effect: Effect, send: Send) -> Response:
            nonlocal current
            try:
                answer = hook(effect, send)
            except RequestException:
                if (effect.method, effect.place) == ("PATCH", BC):
                    self.written[current] += 1
                raise
            if (effect.method, effect.place) == ("GET", names.INCOMING) and answer.ok:
                current = answer.headers["ETag"]
            if (effect.method, effect.place) == ("PATCH", BC):
                self.written[current] += 1
            return answer

        return note

    def ends(self, report: Report) -> None:
        """Note that a delivery is done with its upload."""
        if report.moved_to:
            self.done.add(str(report.etag))


class Scene:
    """A case, for an item of its own."""

    def __init__(self, local: LocalStack, case: Case, workers: list[Pipeline]) -> None:
        self.local, self.case, self.workers = local, case, workers
        self.item, self.book = FreshItem(local), Book()
        self.contents: dict[str, bytes] = {}  # by ETag
        self.etags: list[str] = []
        self.seconds: list[str] = []  # of their Last-Modified
        self._before()
        self._written_before = self.item.media_stored
        for upload in self.case.uploads:
            if not upload.meanwhile:
                self._upload(upload)
        if case.lost:
            late = {} if case.lost_minutes is None else {"delay": case.lost_minutes * 60}
            local.fault(drop=True, method="PATCH", applied="later", **late)

    def _before(self) -> None:
        if self.case.had == "by hand":
            self.item.put_by_hand(KEPT)
        elif self.case.had == "an upload":
            name = self.item.name()
            self.item.upload(name, KEPT)
            self.workers[0].process(names.INCOMING, name)
            self.local.pass_time(seconds=1)

    def _upload(self, upload: Upload) -> None:
        if upload.seconds_later:
            self.local.pass_time(seconds=upload.seconds_later)
        blob = self.local.incoming(self._name(upload))
        content = small(upload.colour)
        answer = blob.upload_blob(content, overwrite=True)
        self.etags.append(answer["etag"])
        self.seconds.append(str(answer["last_modified"]))
        self.contents[answer["etag"]] = content

    def _name(self, upload: Upload) -> str:
        return self.item.name(upload.extension, by_id=upload.by_id)

    @property
    def came_as_planned(self) -> bool:
        """Whether uploads that should come within one second did."""
        pairs = zip(self.seconds, self.seconds[1:], self.case.uploads[1:], strict=False)
        return all((a == b) == (not later.seconds_later) for a, b, later in pairs)

    def actors(self) -> list[Actor]:
        """Return the deliveries, and BC where it has something left to do."""
        made: list[Actor] = []
        for number, upload in enumerate(self.case.uploads):
            for delivery in range(upload.deliveries):
                name = f"{number}, {upload.colour}" + " again" * delivery
                made.append(Actor(name, self._delivery(upload, self.workers[number + delivery], delivery)))
        if self.case.lost and self.case.lost_minutes is None:
            made.append(Actor("BC", self._land, self._is_pending))
        return made

    def _delivery(self, upload: Upload, worker: Pipeline, number: int) -> Callable[[Actor], None]:
        name = self._name(upload)

        def deliver(actor: Actor) -> None:
            if upload.meanwhile and not number:
                actor.step(Effect("PUT", names.INCOMING, name), lambda: self._upload(upload))
            with outgoing_requests.hooked(self.book.noting(actor.hook)), suppress(Transient):
                self.book.ends(worker.process(names.INCOMING, name))

        return deliver

    def _land(self, actor: Actor) -> None:
        actor.step(Effect("PATCH", BC, "late"), lambda: self.local.control("POST", "late"))

    def _is_pending(self) -> bool:
        return bool(self.local.control("GET", "late")["pending"])

    def deliver_until_at_rest(self) -> float:
        """Deliver what is still in incoming, as the sweep does, until nothing is; the answer is how many minutes that took."""
        passed = 0.0
        for minutes in SWEEPS:
            if not (waiting := self.local.names(names.INCOMING)):
                break
            if minutes:
                self.local.pass_time(minutes=minutes)
            passed += minutes
            for name in waiting:
                with (
                    outgoing_requests.hooked(self.book.noting(lambda _effect, send: send())),
                    suppress(Transient),
                ):
                    self.book.ends(self.item.worker.process(names.INCOMING, name))
        assert self.local.names(names.INCOMING) == [], "it is still in incoming"
        if self._is_pending():
            self.local.pass_time(minutes=LANDS_AFTER)
            passed += LANDS_AFTER
        return passed

    def comes_to(self, repeated: Counter[str]) -> None:
        """Assert what is so at rest; ``repeated`` is how often the log tells of a second write, by ETag."""
        item = self.item
        assert item.colour_in_bc() == self.case.shows
        archived = Counter(item.archived())
        earlier = Counter([KEPT] if self.case.had == "an upload" else [])
        assert self.etags[-1] in self.book.done
        assert earlier + Counter(self.contents[etag] for etag in self.book.done) <= archived
        assert archived <= earlier + Counter(self.contents.values()), "an original lies in two places"
        assert item.kept_pictures() == ([KEPT] if self.case.had == "by hand" else [])
        for etag, written in self.book.written.items():
            assert written <= 1 + repeated[etag], "it was written again, and nobody was told"
        assert item.media_stored - self._written_before == self.book.written.total()
        assert self.book.written.total() <= (self.case.writes or len(self.etags)) + repeated.total()
        assert not item.is_unsettled()
