"""Sets telemetry up as Azure's worker does, before it imports the app."""

import logging
import os
import sys
from typing import Any

_log = logging.getLogger("devstack.functions_host.worker")


def set_up() -> None:
    """Configure the distribution of Azure Monitor, if the settings ask for it.

    Most of Azure's workers also go on with the host's trace in the function's thread. Here that is left to the app, as
    in those that do not.
    """
    if os.environ.get("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY", "").lower() not in ("1", "true"):
        return
    from azure.monitor.opentelemetry import configure_azure_monitor  # noqa: PLC0415 - only if asked for

    os.environ.setdefault("OTEL_EXPERIMENTAL_RESOURCE_DETECTORS", "azure_functions")
    connection_string = os.environ.get("APPLICATIONINSIGHTS_CONNECTION_STRING")
    logger = os.environ.get("PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME", "")
    try:
        configure_azure_monitor(connection_string=connection_string, logger_name=logger)
    except Exception:  # noqa: BLE001 - as in Azure, the app runs without it
        _log.exception("Telemetry was not set up")


def flush() -> None:
    """Send what has not been sent; the host kills Azure's worker without that."""
    if "opentelemetry.sdk" not in sys.modules:
        return
    from opentelemetry import _logs, trace  # noqa: PLC0415 - only with telemetry

    providers: tuple[Any, ...] = (trace.get_tracer_provider(), _logs.get_logger_provider())
    for provider in providers:
        provider.force_flush()
