"""Sets up uploads for one item that are delivered at once, runs their deliveries, and asserts what holds at rest."""

from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from requests import RequestException, Response

from shared.errors import Transient
from shared.pipeline import Pipeline
from shared.report import Report
from shared.storage import names
from tests.protocol.actors import Actor
from tests.support import outgoing_requests
from tests.support.item_promises import FreshItem, small
from tests.support.local_stack import LocalStack
from tests.support.outgoing_requests import BC, Effect, Hook, Send

WHITE = small("white", "PNG")
# Minutes. BC may take 16 to apply a request that nobody waits for; one of the sweeps runs shortly before.
LANDS_AFTER = 16
SWEEPS = (0, 4, 4, 4, 3.5, 5, 21, 21)


@dataclass(frozen=True)
class SceneUpload:
    """An upload of one colour; its extension and ``by_id`` make its name.

    ``meanwhile``: it arrives while others are delivered. ``seconds_later``: than the upload before it.
    """

    colour: str
    extension: str = "jpg"
    by_id: bool = False
    meanwhile: bool = False
    deliveries: int = 1
    seconds_later: int = 0


@dataclass(frozen=True)
class Case:
    """Uploads in the order of their arrival, and the colour of the ``winner`` that the item shows in the end.

    ``before`` is what the item had: a picture by hand, an earlier upload, or nothing. ``unanswered``: the first PATCH
    gets no answer and takes effect later, at any moment or after ``lands_after`` minutes. ``writes`` limits how often
    BC stores a picture (0: once for each upload), not counting writes that the log calls repeated. ``sample``: the
    usual run tries so many orders at random (0: every order). ``deaths``: orders that it tries with dying processes.
    """

    name: str
    uploads: tuple[SceneUpload, ...]
    winner: str
    before: str = ""
    unanswered: bool = False
    lands_after: float | None = None
    writes: int = 0
    sample: int = 0
    deaths: int = 0


class Ledger:
    """Records, by the ETag of the upload, what deliveries finished and how often they sent its picture to BC."""

    def __init__(self) -> None:
        self.done: set[str] = set()
        self.written: Counter[str] = Counter()

    def recording(self, hook: Hook) -> Hook:
        """Return a hook that records what one delivery does."""
        current = ""

        def count(effect: Effect, send: Send) -> Response:
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

        return count

    def add(self, report: Report) -> None:
        """Record whether a delivery has finished its upload."""
        if report.moved_to:
            self.done.add(str(report.etag))


class Scene:
    """Plays a case on an item of its own."""

    def __init__(self, local: LocalStack, case: Case, workers: list[Pipeline]) -> None:
        self.local, self.case, self.workers = local, case, workers
        self.item, self.ledger = FreshItem(local), Ledger()
        self.contents: dict[str, bytes] = {}  # by ETag
        self.etags: list[str] = []
        self.seconds: list[str] = []  # of each Last-Modified
        self._arrange_before()
        self._written_before = self.item.media_stored
        for upload in self.case.uploads:
            if not upload.meanwhile:
                self._upload(upload)
        if case.unanswered:
            delay = {} if case.lands_after is None else {"delay": case.lands_after * 60}
            local.fault(drop=True, method="PATCH", applied="later", **delay)

    def _arrange_before(self) -> None:
        if self.case.before == "by hand":
            self.item.put_by_hand(WHITE)
        elif self.case.before == "an upload":
            name = self.item.name()
            self.item.upload(name, WHITE)
            self.workers[0].process(names.INCOMING, name)
            self.local.pass_time(seconds=1)

    def _upload(self, upload: SceneUpload) -> None:
        if upload.seconds_later:
            self.local.pass_time(seconds=upload.seconds_later)
        blob = self.local.incoming(self._name(upload))
        content = small(upload.colour)
        answer = blob.upload_blob(content, overwrite=True)
        self.etags.append(answer["etag"])
        self.seconds.append(str(answer["last_modified"]))
        self.contents[answer["etag"]] = content

    def _name(self, upload: SceneUpload) -> str:
        return self.item.name(upload.extension, by_id=upload.by_id)

    @property
    def arrived_as_planned(self) -> bool:
        """Whether exactly the uploads that should share a second do."""
        pairs = zip(self.seconds, self.seconds[1:], self.case.uploads[1:], strict=False)
        return all((a == b) == (not later.seconds_later) for a, b, later in pairs)

    def actors(self) -> list[Actor]:
        """Return the deliveries, and BC if it still has a request to apply."""
        actors: list[Actor] = []
        for number, upload in enumerate(self.case.uploads):
            for delivery in range(upload.deliveries):
                name = f"upload {number}, {upload.colour}" + ", again" * delivery
                actors.append(Actor(name, self._delivery(upload, self.workers[number + delivery], delivery)))
        if self.case.unanswered and self.case.lands_after is None:
            actors.append(Actor("BC", self._apply_late, self._is_pending))
        return actors

    def _delivery(self, upload: SceneUpload, worker: Pipeline, number: int) -> Callable[[Actor], None]:
        name = self._name(upload)

        def deliver(actor: Actor) -> None:
            if upload.meanwhile and not number:
                actor.step(Effect("PUT", names.INCOMING, name), lambda: self._upload(upload))
            with outgoing_requests.hooked(self.ledger.recording(actor.hook)), suppress(Transient):
                self.ledger.add(worker.process(names.INCOMING, name))

        return deliver

    def _apply_late(self, actor: Actor) -> None:
        actor.step(Effect("PATCH", BC, "late"), lambda: self.local.control("POST", "late"))

    def _is_pending(self) -> bool:
        return bool(self.local.control("GET", "late")["pending"])

    def deliver_until_at_rest(self) -> float:
        """Deliver what is in incoming, as the sweep does, until nothing is left; returns the minutes that passed."""
        elapsed = 0.0
        for minutes in SWEEPS:
            if not (waiting := self.local.names(names.INCOMING)):
                break
            if minutes:
                self.local.pass_time(minutes=minutes)
            elapsed += minutes
            for name in waiting:
                hook = self.ledger.recording(lambda _effect, send: send())
                with outgoing_requests.hooked(hook), suppress(Transient):
                    self.ledger.add(self.item.worker.process(names.INCOMING, name))
        assert self.local.names(names.INCOMING) == [], "an upload is still in incoming"
        if self._is_pending():
            self.local.pass_time(minutes=LANDS_AFTER)
            elapsed += LANDS_AFTER
        return elapsed

    def assert_promises(self, repeated: Counter[str]) -> None:
        """Assert what holds at rest; ``repeated`` counts, by ETag, the writes that the log calls repeated."""
        item = self.item
        assert item.colour_in_bc() == self.case.winner
        archived = Counter(item.archived())
        earlier = Counter([WHITE] if self.case.before == "an upload" else [])
        assert self.etags[-1] in self.ledger.done
        assert earlier + Counter(self.contents[etag] for etag in self.ledger.done) <= archived
        assert archived <= earlier + Counter(self.contents.values()), "an original is in two places"
        assert item.kept_pictures() == ([WHITE] if self.case.before == "by hand" else [])
        for etag, written in self.ledger.written.items():
            assert written <= 1 + repeated[etag], "a picture was written again, and the log does not say so"
        assert item.media_stored - self._written_before == self.ledger.written.total()
        assert self.ledger.written.total() <= (self.case.writes or len(self.etags)) + repeated.total()
        assert not item.is_unsettled()
