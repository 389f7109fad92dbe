"""The catalogues on disk, for whoever wants them to outlive the program."""

import json
from base64 import b64decode, b64encode
from dataclasses import asdict, replace
from datetime import datetime
from pathlib import Path
from threading import Lock
from typing import Any
from uuid import UUID

from flask import Flask, Response

from devstack.business_central.media import Medium
from devstack.business_central.models import Catalogue, Company, Item
from devstack.business_central.world import World


class StateFile:
    """One JSON file; a reader sees all of it or the one before it, also when the program is killed while it writes."""

    def __init__(self, path: Path) -> None:
        self._path, self._lock = path, Lock()
        self._saved: list[int] = []

    def keep(self, app: Flask, world: World) -> None:
        """Load what is there, and from now on save each change before the request that made it is answered."""
        catalogues = world.environments
        if self._path.exists():
            self._load(catalogues)
        self._saved = [each.revision for each in catalogues.values()]

        @app.after_request
        def save(response: Response) -> Response:
            self._save(catalogues)
            return response

    def _load(self, catalogues: dict[str, Catalogue]) -> None:
        environments = json.loads(self._path.read_text(encoding="utf-8"))["environments"]
        for name, companies in environments.items():
            catalogues[name].restore([(_company(each), [_item(item) for item in each["items"]]) for each in companies])

    def _save(self, catalogues: dict[str, Catalogue]) -> None:
        with self._lock:
            if self._saved == [each.revision for each in catalogues.values()]:
                return
            snapshots = {name: each.snapshot() for name, each in catalogues.items()}
            environments = {
                name: [{**asdict(company), "items": [asdict(item) for item in items]} for company, items in content]
                for name, (_, content) in snapshots.items()
            }
            partial = self._path.with_name(f"{self._path.name}.partial")
            partial.write_text(json.dumps({"environments": environments}, default=_plain), encoding="utf-8")
            partial.replace(self._path)
            self._saved = [revision for revision, _ in snapshots.values()]


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return b64encode(value).decode()
    return value.isoformat() if isinstance(value, datetime) else str(value)


def _company(kept: dict[str, Any]) -> Company:
    return Company(UUID(kept["id"]), kept["name"], kept["display_name"])


def _item(kept: dict[str, Any]) -> Item:
    item = Item(**kept)
    changed = kept["picture_changed"]
    return replace(
        item,
        id=UUID(kept["id"]),
        modified=datetime.fromisoformat(kept["modified"]),
        media=tuple(Medium(**{**each, "content": b64decode(each["content"])}) for each in kept["media"]),
        picture_changed=changed and datetime.fromisoformat(changed),
    )
