"""Checks Application Insights: whether the app's component is there, and whether it can be reached."""

from collections.abc import Iterator
from dataclasses import dataclass

import requests

from operate.doctor.azure import APP, DeployedApp
from operate.doctor.findings import Check, Finding

_SETTING = "APPLICATIONINSIGHTS_CONNECTION_STRING"
_SECONDS = 10


@dataclass(frozen=True)
class TelemetryChecks:
    """The checks of Application Insights."""

    app: DeployedApp

    def checks(self) -> list[Check]:
        """Return the checks."""
        return [
            Check("Application Insights", self._component, (APP,)),
            Check("Telemetry's address", self._reachable, (APP,)),
        ]

    def _component(self) -> Iterator[Finding]:
        key = _part(self.app.settings.get(_SETTING, ""), "InstrumentationKey")
        if not key:
            return  # the check of the settings has told
        found = [str((each.get("properties") or {}).get("InstrumentationKey", "")) for each in self.app.insights()]
        if key.lower() not in [each.lower() for each in found]:
            yield Finding(
                "insights_elsewhere",
                f"The app sends its telemetry to a component outside {self.app.place.resource_group}.",
                "The alerts and the workbook there see nothing.",
                f"Correct {_SETTING}: docs/configuration.md#telemetry.",
            )

    def _reachable(self) -> Iterator[Finding]:
        address = _part(self.app.settings.get(_SETTING, ""), "IngestionEndpoint")
        if not address:
            return
        try:
            # Any answer will do: without a token it is a refusal.
            requests.get(f"{address.rstrip('/')}/v2.1/track", timeout=_SECONDS, allow_redirects=False)
        except requests.RequestException as error:
            yield Finding(
                "insights_unreachable",
                f"{address} does not answer from here: {type(error).__name__}.",
                "If the app cannot reach it either, no alert fires and no query finds anything.",
                f"Compare {_SETTING}: docs/configuration.md#telemetry.",
            )


def _part(connection_string: str, name: str) -> str:
    """Return one value of a connection string."""
    parts = (part.partition("=") for part in connection_string.split(";"))
    return next((value.strip() for key, _, value in parts if key.strip().lower() == name.lower()), "")
