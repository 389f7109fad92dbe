"""Judges what was written to Business Central: each picture once, except after a lost answer. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from devstack.benchmarks.soak import pattern
from devstack.benchmarks.soak.evidence import Evidence
from devstack.benchmarks.soak.findings import Finding, Promise, RepeatedWrite
from devstack.benchmarks.soak.ledger import Ledger
from devstack.benchmarks.soak.plan import Item
from devstack.benchmarks.soak.simulator import Write

# Seconds, shrunk. A doubt lasts 20 minutes and is looked after at the next sweep; a chain of doubts lasts longer.
_DOUBT_REACHES = 30.0
# A host that dies, or storage that fails, matters only while the writer of the earlier write had not confirmed it.
_UNCONFIRMED = timedelta(seconds=1.0), timedelta(seconds=4.0)  # before and after that write
_WRITE_TIMEOUT = 2.0  # after that the app has given up
_NO_ANSWER = (None, 408, 500, 502, 504)


def repeated(ledger: Ledger, evidence: Evidence) -> list[RepeatedWrite]:
    """Return each write of a picture that had been written to the item before, with its cause."""
    requests: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for request in _patches(evidence):
        requests[_item_id(request)].append(request)
    uploads: dict[str, Counter[int | None]] = defaultdict(Counter)
    for sent in ledger.sent:
        if sent.upload.item and not sent.upload.spoilt:
            uploads[str(sent.upload.item.id)][sent.upload.picture] += 1
    items = (_Item(item, requests[str(item.id)], uploads[str(item.id)], evidence) for item in ledger.plan.items)
    return [write for item in items for write in item.repeated()]


def findings(ledger: Ledger, evidence: Evidence, writes: Sequence[RepeatedWrite]) -> Iterator[Finding]:
    """Return the repeated writes that nothing explains, and the requests that were repeated blindly."""
    for write in writes:
        if write.cause is None:
            yield Finding(Promise.NEEDLESS_WRITE, "\n  ".join([str(write), *write.history]))
    numbers = {str(item.id): item.number for item in ledger.plan.items}
    unanswered: set[tuple[str, str]] = set()
    for request in _patches(evidence):
        key = request["client_request_id"], _item_id(request)
        if key in unanswered:
            yield Finding(Promise.BLIND, f"item {numbers.get(key[1])}, request {key[0]}")
        if request["status"] in _NO_ANSWER:
            unanswered.add(key)


class _Item:
    """Follows what was written to one item.

    A request without an answer explains two repeated writes at most: its own late effect, and the one that brings the
    newest picture back. That one comes with a sweep, and so at any time after the late effect.
    """

    def __init__(
        self, item: Item, requests: list[dict[str, Any]], uploads: Counter[int | None], evidence: Evidence
    ) -> None:
        self._item, self._requests, self._uploads, self._evidence = item, requests, uploads, evidence
        self._used: set[tuple[int, bool]] = set()

    def repeated(self) -> Iterator[RepeatedWrite]:
        written: Counter[int] = Counter()
        last: dict[int, datetime] = {}
        shown: int | None = None
        before: Write | None = None
        for write in self._evidence.writes.get(self._item.id, []):
            picture = pattern.recognise(write.content)
            if picture is None:
                continue
            if write.request_id and written[picture]:
                again = shown != picture and self._uploads[picture] > written[picture]
                cause = "it was uploaded again, after another one" if again else None
                if not cause and before and shown != picture and self._took_effect_late(before):
                    cause = "another picture had come back late"
                cause = cause or self._cause(write, last[picture])
                history = [] if cause else self._history()
                yield RepeatedWrite(self._item.number, picture, cause, history)
            written[picture] += 1
            last[picture] = write.time
            shown, before = picture, write

    def _history(self) -> list[str]:
        """Tell what was written to the item, asked and answered about it, and withheld by storage, in order."""
        told = list[tuple[float, str]]()
        for write in self._evidence.writes.get(self._item.id, []):
            picture = pattern.recognise(write.content)
            told.append((write.time.timestamp(), f"picture {picture} stored by {write.request_id or 'a person'}"))
        for request in self._requests:
            end, seconds = _time(request).timestamp(), request["milliseconds"] / 1000
            status = request["status"] or "no answer"
            told.append((end, f"{request['client_request_id']} got {status} after {seconds:.1f} s"))
        for fault in self._evidence.storage_faults:
            if str(self._item.id) in fault["path"]:
                told.append((fault["time"], f"storage's answer about the record was {fault['fault']}"))
        first = min((time for time, _ in told), default=0)
        told += [(spell.start, spell.kind.value) for spell in self._evidence.incidents if spell.start >= first]
        return [f"{time - first:.1f} s: {what}" for time, what in sorted(told)]

    def _took_effect_late(self, write: Write) -> bool:
        """Whether the write took effect only after the app had given up, or its request had ended without an answer."""
        own = [request for request in self._requests if request["client_request_id"] == write.request_id]
        return any(
            _is_late(request) or (request["status"] in _NO_ANSWER and _time(request) < write.time) for request in own
        )

    def _cause(self, write: Write, earlier: datetime) -> str | None:
        """Return why the answer to an earlier write may have been lost, as Business Central and storage logged it."""
        until, since = write.time, write.time - timedelta(seconds=_DOUBT_REACHES)
        for request in self._requests:
            ended, lasted = _time(request), timedelta(milliseconds=request["milliseconds"])
            own = request["client_request_id"] == write.request_id
            if ended < since or ended - lasted > until or (request["number"], own) in self._used:
                continue
            late = _is_late(request)
            # A write's own answer explains only that it took effect late.
            if late or (request["status"] in _NO_ANSWER and (not own or ended < until)):
                self._used.add((request["number"], own))
                answer = f"took {lasted.total_seconds():.0f} s" if late else f"got {request['status'] or 'no answer'}"
                return f"{'this' if own else 'an earlier'} write {answer}"
        begin, end = (earlier - _UNCONFIRMED[0]).timestamp(), (earlier + _UNCONFIRMED[1]).timestamp()
        for fault in self._evidence.storage_faults:
            if str(self._item.id) in fault["path"] and begin <= fault["time"] <= end:
                return f"storage's answer about the record was {fault['fault']}"
        for incident in self._evidence.incidents:
            if begin <= incident.end and incident.start <= end:
                return f"{incident.kind} in between"
        return None


def _patches(evidence: Evidence) -> list[dict[str, Any]]:
    return [request for request in evidence.requests if request["method"] == "PATCH"]


def _item_id(request: dict[str, Any]) -> str:
    path: str = request["path"]
    return path.partition("/items(")[2].partition(")")[0]


def _is_late(request: dict[str, Any]) -> bool:
    """Whether the app had given up before the answer came."""
    seconds: float = request["milliseconds"] / 1000
    return seconds >= _WRITE_TIMEOUT


def _time(request: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(request["time"])
