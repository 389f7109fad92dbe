"""Judges where uploads are: each in exactly one place, unchanged, and in quarantine only what is bad. Pure."""

from collections.abc import Iterator

from devstack.benchmarks.soak.evidence import ARCHIVE, INCOMING, QUARANTINE, Blob, Evidence
from devstack.benchmarks.soak.findings import Finding, Promise
from devstack.benchmarks.soak.ledger import Ledger, Sent

Places = dict[tuple[str, str], list[Blob]]


def places(evidence: Evidence) -> Places:
    """Return the blobs of each upload, by the name and the ETag that it was uploaded with."""
    found: Places = {}
    for blob in evidence.blobs:
        if not blob.is_note:
            found.setdefault(_key(blob), []).append(blob)
    return found


def findings(ledger: Ledger, evidence: Evidence) -> Iterator[Finding]:
    """Return what is wrong with the places of uploads."""
    found, notes = places(evidence), {blob.name for blob in evidence.blobs if blob.is_note}
    for sent in ledger.sent:
        blobs = found.pop((sent.upload.name, sent.etag), [])
        yield from _number_of_places(sent, blobs)
        for blob in blobs:
            yield from _place(sent, blob, notes)
    for blobs in found.values():
        yield from (Finding(Promise.UNKNOWN, str(blob)) for blob in blobs if ".before." not in blob.name)


def may_wait(sent: Sent) -> bool:
    """Whether the upload may wait in incoming for ever: its item or its company never comes."""
    item, spoilt = sent.upload.item, sent.upload.spoilt
    return bool((spoilt and spoilt.reason is None) or (item and item.appears is None))


def _key(blob: Blob) -> tuple[str, str]:
    if blob.container == INCOMING:
        return blob.name, blob.etag
    return blob.metadata.get("source_name", ""), blob.metadata.get("source_etag", "")


def _number_of_places(sent: Sent, blobs: list[Blob]) -> Iterator[Finding]:
    if not blobs and not sent.replaced_by:
        yield Finding(Promise.LOST, str(sent))
    if len(blobs) > 1:
        yield Finding(Promise.TWO_PLACES, f"{sent}: {', '.join(map(str, blobs))}")


def _place(sent: Sent, blob: Blob, notes: set[str]) -> Iterator[Finding]:
    if blob.sha256 != sent.sha256:
        yield Finding(Promise.CHANGED, f"{sent}: {blob}")
    spoilt = sent.upload.spoilt
    reason = spoilt.reason if spoilt else None
    if blob.container == INCOMING and not may_wait(sent):
        yield Finding(Promise.LEFT, str(sent))
    if blob.container == ARCHIVE and spoilt:
        yield Finding(Promise.NOT_REFUSED, f"{sent}, {spoilt.value[0]}: {blob}")
    if blob.container == QUARANTINE:
        if blob.metadata.get("reason") != reason or not blob.name.startswith(f"{reason}/"):
            yield Finding(Promise.WRONG_QUARANTINE, f"{sent}, {spoilt.value[0] if spoilt else 'good'}: {blob}")
        if f"{blob.name}.txt" not in notes:
            yield Finding(Promise.NO_NOTE, str(blob))
