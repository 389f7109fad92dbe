"""Judges what items show: the newest upload by the design's order, and that what people put there is kept. Pure."""

from collections.abc import Iterator

from devstack.benchmarks.soak import pattern
from devstack.benchmarks.soak.audit_places import Places, places
from devstack.benchmarks.soak.evidence import ARCHIVE, Evidence
from devstack.benchmarks.soak.findings import Finding, Promise
from devstack.benchmarks.soak.ledger import Ledger, Sent, digest
from devstack.benchmarks.soak.plan import Item

_ON_THE_ITEM = ("updated", "unchanged")
BY_HAND = "png"  # the format of what people put there


def findings(ledger: Ledger, evidence: Evidence) -> Iterator[Finding]:
    """Return which items show something else than their newest upload, or lost what they had before."""
    found, by_item = places(evidence), _good_uploads(ledger)
    kept = {blob.sha256 for blob in evidence.blobs if blob.container == ARCHIVE and ".before." in blob.name}
    for item in ledger.plan.items:
        if item.appears is None:
            continue
        yield from _freshness(item, by_item.get(item, []), found, evidence)
        if item.by_hand and _was_written(item, evidence) and digest(by_hand(item.by_hand)) not in kept:
            yield Finding(Promise.NOT_KEPT, f"item {item.number}")


def by_hand(number: int) -> bytes:
    """Return the picture that somebody put on an item."""
    return pattern.paint(number, BY_HAND, number)


def _good_uploads(ledger: Ledger) -> dict[Item, list[Sent]]:
    uploads: dict[Item, list[Sent]] = {}
    for sent in ledger.sent:
        if sent.upload.item and not sent.upload.spoilt:
            uploads.setdefault(sent.upload.item, []).append(sent)
    return uploads


def _freshness(item: Item, uploads: list[Sent], found: Places, evidence: Evidence) -> Iterator[Finding]:
    """An upload that was overwritten before it was picked up need not be shown, but may have been."""
    certain = [sent for sent in uploads if not sent.replaced_by or _was_placed(sent, found)]
    newest = max(certain, key=lambda sent: sent.order, default=None)
    expected = {newest.upload.picture if newest else item.by_hand}
    expected |= {
        sent.upload.picture for sent in uploads if sent.replaced_by and (newest is None or sent.order > newest.order)
    }
    shown = pattern.recognise(evidence.pictures[item.id])
    if shown not in expected:
        wanted = f"{newest}, picture {newest.upload.picture}" if newest else f"what it had before ({item.by_hand})"
        yield Finding(Promise.STALE, f"item {item.number} shows picture {shown} instead of {wanted}")


def _was_placed(sent: Sent, found: Places) -> bool:
    blobs = found.get((sent.upload.name, sent.etag), [])
    return any(blob.metadata.get("outcome") in _ON_THE_ITEM for blob in blobs)


def _was_written(item: Item, evidence: Evidence) -> bool:
    return any(write.request_id for write in evidence.writes[item.id])
