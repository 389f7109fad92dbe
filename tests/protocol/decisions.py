"""Asks the app's own code for every decision of the protocol's model."""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cache

from shared import item_record
from shared.item_record import DOUBT_LASTS, ItemRecord, Observed, Step, StoredRecord, Upload
from tests.protocol.states import UNKNOWN, At, Config, ModelUpload

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=1)


@dataclass(frozen=True)
class Rules:
    """The app's decisions; variants of them show that the search notices a missing safeguard."""

    next_step: Callable[..., Step] = StoredRecord.next_step
    claimed: Callable[..., ItemRecord] = StoredRecord.claimed
    adopted: Callable[..., ItemRecord] = StoredRecord.adopted
    doubted: Callable[..., ItemRecord] = item_record.doubted
    has_etags: bool = True
    keeps_settling: bool = True
    renews_before_keeping: bool = True


APP_RULES = Rules()


def _sha256(picture: str) -> str:
    return hashlib.sha256(picture.encode()).hexdigest()


class Decisions:
    """Asks the app's code once for each decision; records are numbered, and their times are relative to now."""

    def __init__(self, config: Config, rules: Rules) -> None:
        self._config, self._rules = config, rules
        self._tick = DOUBT_LASTS / config.ticks
        assert self._tick > item_record.CLAIM_LIFE, "a claim of one tick must be old"
        self.records: list[ItemRecord] = []
        self._numbers: dict[ItemRecord, int] = {}
        self.number(ItemRecord("1000"))
        self.entries = [self._entry(i, upload) for i, upload in enumerate(config.uploads)]
        self.step, self.changed, self.later = cache(self._step), cache(self._changed), cache(self._later)
        self.has_tried, self.has_written = cache(self._has_tried), cache(self._has_written)

    def _entry(self, i: int, upload: ModelUpload) -> Upload:
        uploaded_at = NOW + timedelta(seconds=upload.second, milliseconds=i)
        return Upload(upload.name, f"etag-{i}", uploaded_at, upload.replay_of is not None, _sha256(upload.picture))

    def number(self, record: ItemRecord) -> int:
        if record not in self._numbers:
            self._numbers[record] = len(self.records)
            self.records.append(record)
        return self._numbers[record]

    def stored(self, record: int, age: int) -> StoredRecord:
        return StoredRecord(self.records[record], "etag", NOW - age * self._tick, NOW)

    def _step(self, record: int, age: int, upload: int, is_current: int, bc_picture: str) -> Step:
        picture_sha256 = _sha256(bc_picture) if bc_picture else None
        observed = Observed(None if is_current == UNKNOWN else bool(is_current), picture_sha256)
        return self._rules.next_step(self.stored(record, age), self.entries[upload], observed)

    def _has_tried(self, record: int, upload: int) -> bool:
        return self.stored(record, 0).has_tried(self.entries[upload])

    def _has_written(self, record: int, bc_picture: str) -> bool:
        return self.stored(record, 0).has_written(_sha256(bc_picture))

    def _changed(self, at: At, record: int, age: int, upload: int, detail: str = "") -> int:
        new = self._change(at, self.stored(record, age), self.entries[upload], detail)
        if new.doubt and new.doubt.until <= NOW:  # only whether it ended before the claim matters
            new = replace(new, doubt=replace(new.doubt, until=LONG_AGO if new.claim else NOW))
        return self.number(new)

    def _change(self, at: At, stored: StoredRecord, entry: Upload, detail: str) -> ItemRecord:
        """Return the app's change; ``detail`` is the outcome of a confirmed write, or the picture that is adopted."""
        match at:
            case At.CLAIMED:
                return self._rules.claimed(stored, entry, "nonce")
            case At.ADOPTED:
                return self._rules.adopted(stored, entry, Observed(None, _sha256(detail)))
            case At.CONFIRMED:
                return item_record.confirmed(stored, entry, detail)
            case At.DOUBTED:
                return self._rules.doubted(stored)
            case At.RELEASED:
                return item_record.released(stored.record)
        return stored.record

    def _later(self, record: int, ticks: int) -> int:
        """Return ``record`` as it looks ``ticks`` later; a doubt that has ended stays just ended."""
        now = self.records[record]
        if not now.doubt or now.doubt.until <= NOW:
            return record
        until = max(now.doubt.until - ticks * self._tick, NOW)
        return self.number(replace(now, doubt=replace(now.doubt, until=until)))

    def older(self, record: int, age: int) -> int:
        """Return the age of the record's claim a tick later."""
        return min(age + 1, self._config.ticks) if self.records[record].claim else 0

    def depends_on_time(self, record: int) -> bool:
        return bool(self.records[record].claim or self.records[record].doubt)

    def has_active_doubt(self, record: int, age: int) -> bool:
        return self.stored(record, age).active_doubt is not None
