"""Remembers what was uploaded: what the auditor may expect. Knows nothing of the app."""

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from devstack.benchmarks.soak.plan import Plan, Upload


@dataclass
class Sent:
    """An upload as storage has taken it; ``replaced_by`` overwrote it while it was still in incoming.

    ``uploaded_at`` counts for the order: a replay has its original's.
    """

    upload: Upload
    etag: str
    uploaded_at: datetime
    sha256: str
    replaced_by: int | None = None

    @property
    def order(self) -> tuple[datetime, bool, str, int]:
        """How new it is, by the design: the second, originals before replays, the name, and then who came last."""
        second = self.uploaded_at.replace(microsecond=0)
        return second, self.upload.replays is None, self.upload.name, self.upload.number

    def __str__(self) -> str:
        return f"upload {self.upload.number} ({self.upload.name})"


@dataclass
class Ledger:
    """Lists all uploads that were sent, in order, and the replays whose original was not in the archive yet."""

    plan: Plan
    sent: list[Sent] = field(default_factory=list)
    skipped: list[Upload] = field(default_factory=list)

    def latest(self, name: str) -> Sent | None:
        """Return the last upload of this name."""
        return next((sent for sent in reversed(self.sent) if sent.upload.name == name), None)

    def find(self, number: int) -> Sent | None:
        """Return the upload with this number, if it was sent."""
        return next((sent for sent in self.sent if sent.upload.number == number), None)


def digest(content: bytes) -> str:
    """Return the SHA-256 by which the auditor tells files apart."""
    return hashlib.sha256(content).hexdigest()
