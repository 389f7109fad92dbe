"""Arranges the simulator's scenario for a soak, and reads from it what happened."""

from base64 import b64decode, b64encode
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

import requests

from devstack.benchmarks.soak import scale, trouble
from devstack.benchmarks.soak.plan import Item
from devstack.benchmarks.soak.trouble import Kind, Spell

_LATENCY = 0.03  # seconds of each request, undisturbed
_SLOW_SECONDS = 3.0  # of a write; the app waits for two
_SLOW_BYTES = 150  # a second; a picture has about 600
_FEW = 40  # requests in five seconds


@dataclass(frozen=True)
class Write:
    """One picture that Business Central stored for an item; ``request_id`` is None if a person did it."""

    time: datetime
    request_id: str | None
    content: bytes


class Simulator:
    """Speaks to the simulator's control API at ``url``."""

    def __init__(self, url: str, seed: int) -> None:
        self._url, self._seed = url, seed
        self._session = requests.Session()
        self._session.trust_env = False
        self._last_number = self._disturbed = 0
        self.requests: list[dict[str, Any]] = []

    def prepare(self, items: Sequence[Item], paint: Callable[[int], bytes]) -> None:
        """Set the shrunk limits, and create the items that exist from the start, with what people put there."""
        self._call("POST", "limits", **scale.business_central_limits())
        for item in items:
            if item.appears == 0:
                self.create(item)
            if item.by_hand:
                self.show(item, paint(item.by_hand))
        self.disturb([])

    def create(self, item: Item) -> None:
        """Create an item."""
        fields = {"number": item.number, "gtin": item.gtin, "displayName": f"Item {item.number}"}
        self._call("POST", "items", company_id=str(item.company.id), id=str(item.id), **fields)

    def show(self, item: Item, content: bytes) -> None:
        """Give an item a picture, as people do in Business Central's client."""
        self._call("POST", f"items/{item.id}/pictures", contents=[b64encode(content).decode()])

    def disturb(self, spells: Sequence[Spell], *, faults: bool = False, company: UUID | None = None) -> None:
        """Make exactly these spells last, and the usual faults if ``faults``; ``company`` is the one they concern."""
        kinds = {spell.kind for spell in spells}
        self._disturbed += 1  # each time another chance, or always the same few requests would meet the same faults
        self._call("DELETE", "faults")
        if Kind.DOWN in kinds:
            self._call("POST", "faults", drop="unread", count=None)
        if Kind.UNAVAILABLE in kinds:
            self._call("POST", "faults", status=503, count=None)
        for number, fault in enumerate(trouble.BUSINESS_CENTRAL_FAULTS if faults else ()):
            self._call("POST", "faults", **fault, count=None, seed=hash((self._seed, self._disturbed, number)))
        self._call("DELETE", "permissions")
        if Kind.NO_PERMISSION in kinds:
            self._call("POST", "permissions", permission="Modify", status=403, path=str(company))
        if company:
            self._call("POST", f"companies/{company}/absence", absent=Kind.NO_COMPANY in kinds)
        limits = scale.business_central_limits() | ({"requests": _FEW} if Kind.FEW_REQUESTS in kinds else {})
        self._call("POST", "limits", **limits)
        self._delay(spells)

    def _delay(self, spells: Sequence[Spell]) -> None:
        """Slow requests down; those that wait from before continue at once."""
        self._call("DELETE", "latency")
        self._call("POST", "latency", seconds=_LATENCY)
        for spell in spells:
            path = f"items({spell.detail:x}"  # one item in sixteen
            if spell.kind is Kind.SLOW_ITEMS:
                self._call("POST", "latency", seconds=_SLOW_SECONDS, method="PATCH", path=path)
            elif spell.kind is Kind.SLOW_BODIES:
                self._call("POST", "speed", request=_SLOW_BYTES, answer=_SLOW_BYTES, path=path)

    def keep_log(self) -> int:
        """Fetch the requests since the last call; returns how many run now."""
        answer = self._call("GET", f"requests?after={self._last_number}")
        self.requests += answer["requests"]
        if answer["requests"]:
            self._last_number = answer["requests"][-1]["number"]
        in_flight: int = answer["in_flight"]
        return in_flight

    def late_writes(self) -> int:
        """Return how many writes are still to take effect."""
        return len(self._call("GET", "late")["pending"])

    def writes(self, item: Item) -> list[Write]:
        """Return every picture that was ever stored for the item, oldest first."""
        return [
            Write(
                datetime.fromisoformat(write["time"]),
                write["client_request_id"],
                b64decode(write["content"]),
            )
            for write in self._call("GET", f"items/{item.id}/writes")["writes"]
        ]

    def _call(self, verb: str, path: str, /, **body: Any) -> Any:  # noqa: ANN401 - JSON
        response = self._session.request(verb, f"{self._url}/{path}", json=body or None, timeout=30)
        response.raise_for_status()
        return response.json() if response.content else None
