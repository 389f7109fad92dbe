"""Tells the stack how the app reaches the endpoint, and reads what came in."""

import json
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import requests

from devstack.ingestion.rows import Row
from devstack.machine.setup import ROOT

# New in each run: under its key the exporter keeps, in the machine's temporary folder, what it could not send. With the
# same key the next run would send what a killed one left there.
KEY = str(uuid4())


@dataclass(frozen=True)
class Ingestion:
    """A running endpoint: ``url`` for exporters, ``control`` for readers."""

    url: str
    control: str

    def settings(self) -> dict[str, str]:
        """Return the app's settings: those of the sample, with this endpoint and the stack's own identity."""
        sample = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))
        return {
            **sample["WithApplicationInsights"],
            "APPLICATIONINSIGHTS_CONNECTION_STRING": (
                f"InstrumentationKey={KEY};IngestionEndpoint={self.url}/;LiveEndpoint={self.url}/"
            ),
            "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "Authorization=AAD",
            "OTEL_SERVICE_NAME": "item-picture-sync",  # in Azure, the app's name
        }

    @property
    def page(self) -> str:
        """The address of the page that shows the rows to people."""
        return f"{self.control}/"

    def rows(self, *tables: str) -> list[Row]:
        """Return the rows in these tables, or in all, in the order in which they came."""
        rows: list[Row] = self._call("GET", "rows").json()
        return [row for row in rows if not tables or row["table"] in tables]

    def forget(self) -> None:
        """Forget all rows."""
        self._call("DELETE", "rows")

    def bodies(self) -> list[str]:
        """Return the text of everything that was ever sent, rows or not."""
        bodies: list[str] = self._call("GET", "bodies").json()
        return bodies

    def answer(self, status: int) -> None:
        """Let the endpoint answer with ``status`` from now on; 200 takes rows again."""
        self._call("PUT", "status", data=str(status))

    def _call(self, method: str, path: str, **options: Any) -> requests.Response:  # noqa: ANN401 - the options of requests
        with requests.Session() as session:
            session.trust_env = False
            response = session.request(method, f"{self.control}/{path}", timeout=10, **options)
        response.raise_for_status()
        return response
