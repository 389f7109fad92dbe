"""Tells the stack how the app reaches the endpoint, and reads what came in."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests

from devstack.ingestion.rows import Row
from devstack.machine.setup import ROOT

KEY = str(uuid4())  # new in each run, whose rows are no others'


@dataclass(frozen=True)
class Ingestion:
    """A running endpoint: ``url`` for exporters, ``control`` for readers.

    Exporters keep in the folder ``unsent`` what they could not send; elsewhere it would outlive the run.
    """

    url: str
    control: str
    unsent: Path

    def settings(self) -> dict[str, str]:
        """Return the app's settings: those of the sample, with this endpoint and the stack's own identity."""
        sample = json.loads((ROOT / "local.settings.sample.json").read_text(encoding="utf-8"))
        return {
            **sample["WithApplicationInsights"],
            "APPLICATIONINSIGHTS_CONNECTION_STRING": (
                f"InstrumentationKey={KEY};IngestionEndpoint={self.url}/;LiveEndpoint={self.url}/"
            ),
            "APPLICATIONINSIGHTS_AUTHENTICATION_STRING": "Authorization=AAD",
            **dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(self.unsent)),
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
