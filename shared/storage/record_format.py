"""Writes item records as JSON and reads them back. Pure."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

from shared.item_record import Claim, Doubt, ItemRecord, Upload

_VERSION = 1
_OUTCOMES = (None, "updated", "unchanged")


def to_json(record: ItemRecord) -> bytes:
    """Serialize ``record`` for storage."""
    return json.dumps({"version": _VERSION, **asdict(record)}, default=datetime.isoformat, indent=1).encode()


def from_json(text: bytes) -> ItemRecord:
    """Parse a stored record.

    Raises:
        ValueError: ``text`` is not a record, or a later version wrote it.
    """
    try:
        document = json.loads(text)
        if document["version"] != _VERSION:
            raise ValueError(f"it has the version {document['version']!r}")
        if document["outcome"] not in _OUTCOMES:
            raise ValueError(f"it has the outcome {document['outcome']!r}")
        claim, doubt = document["claim"], document["doubt"]
        return ItemRecord(
            number=str(document["number"]),
            on=upload_from_json(document["on"]) if document["on"] else None,
            outcome=document["outcome"],
            claim=Claim(str(claim["nonce"]), upload_from_json(claim["upload"])) if claim else None,
            doubt=Doubt(_time(doubt["until"]), tuple(map(upload_from_json, doubt["uploads"]))) if doubt else None,
        )
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from error


def upload_from_json(fields: Mapping[str, Any]) -> Upload:
    """Parse an upload as a record or a mark holds it."""
    return Upload(**{**fields, "uploaded_at": _time(fields["uploaded_at"])})


def _time(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(f"{text!r} has no time zone")
    return moment
