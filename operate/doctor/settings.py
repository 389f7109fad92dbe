"""Checks the app settings in Azure: what the app would refuse, what contradicts --config, what is spelt wrong. Pure."""

import difflib
from collections.abc import Iterator, Mapping

from operate.doctor.findings import Finding
from shared import config

_PAGE = "docs/configuration.md"
# What only a deployment without a key has; the value is never shown.
_WITH_KEYS = ("AzureWebJobsStorage", "PICTURE_STORAGE")
_HOSTS = (
    *("AzureWebJobsStorage__accountName", "AzureWebJobsStorage__credential", "AzureWebJobsStorage__clientId"),
    *("AzureWebJobsStorage__blobServiceUri", "AzureWebJobsStorage__queueServiceUri"),
    *("AzureWebJobsStorage__tableServiceUri", "AzureWebJobsStorage"),
)
_OURS = (*config.SETTINGS, *config.TELEMETRY_SETTINGS, *_HOSTS)
_PREFIXES = ("PICTURE_", "BC_", "SOURCE_", "BLOB_", "SWEEP_", "ITEM_", "UNFINISHED_", "KEEP_", "RENDER_")
_HOST_ACCOUNT = ("AzureWebJobsStorage__accountName", "AzureWebJobsStorage__blobServiceUri", "AzureWebJobsStorage")


def findings(values: Mapping[str, str], expected: Mapping[str, str]) -> Iterator[Finding]:
    """Yield what is wrong with the app settings; ``expected`` is what --config says that they say.

    No value is shown that may be secret.
    """
    yield from _refused(values)
    yield from _with_keys(values)
    yield from _misspelt(values)
    yield from _different(values, expected)
    yield from _host(values)
    yield from _telemetry(values)


def _refused(values: Mapping[str, str]) -> Iterator[Finding]:
    try:
        settings = config.read(values)
    except config.ConfigurationError as error:
        for problem in error.problems:
            name = "setting_missing" if ": not set" in problem or "neither is set" in problem else "setting_refused"
            yield Finding(name, problem, "The app does not start.", f"Correct this app setting: {_PAGE}.")
        return
    if settings.trigger_source != config.TRIGGER_SOURCES[0]:
        yield Finding(
            "trigger_source",
            f"PICTURE_TRIGGER_SOURCE is {settings.trigger_source}.",
            "Flex Consumption starts the app by events alone: only the sweep finds uploads, minutes later.",
            f"Set PICTURE_TRIGGER_SOURCE to EventGrid: {_PAGE}#the-pictures-account.",
        )


def _with_keys(values: Mapping[str, str]) -> Iterator[Finding]:
    for name in _WITH_KEYS:
        if values.get(name):
            yield Finding(
                "key_in_setting",
                f"{name} holds a connection string (not shown).",
                "Whoever reads the settings may read and delete all pictures, and the accounts refuse keys by default.",
                f"Remove {name}, and deploy the resources again: docs/deployment.md#run-it-again.",
            )


def _misspelt(values: Mapping[str, str]) -> Iterator[Finding]:
    for name in values:
        if name in _OURS or not name.upper().startswith(_PREFIXES):
            continue
        near = difflib.get_close_matches(name.upper(), [known for known in _OURS if known != name], 1)
        hint = f" Did you mean {near[0]}?" if near else ""
        yield Finding(
            "setting_unknown",
            f"The app has no setting {name}.{hint}",
            "It has no effect; the default counts.",
            f"Rename or remove it: {_PAGE}.",
        )


def _different(values: Mapping[str, str], expected: Mapping[str, str]) -> Iterator[Finding]:
    for name, value in expected.items():
        found = values.get(name, "")
        if name in values and value and found.strip().rstrip("/").casefold() != value.strip().rstrip("/").casefold():
            yield Finding(
                "setting_differs",
                f"{name} of the app differs from --config.",
                "These commands and the app do not look at the same place.",
                "Write --config anew from the deployment's outputs: docs/operating.md.",
            )


def _host(values: Mapping[str, str]) -> Iterator[Finding]:
    if not any(values.get(name) for name in _HOST_ACCOUNT):
        yield Finding(
            "host_storage_missing",
            "AzureWebJobsStorage__accountName is not set.",
            "The host cannot start: it keeps its locks, queues and keys there.",
            f"Set it to the host account's name: {_PAGE}#hostjson.",
        )
    elif values.get("AzureWebJobsStorage__accountName") and not values.get("AzureWebJobsStorage__clientId"):
        yield Finding(
            "host_identity_missing",
            "AzureWebJobsStorage__clientId is not set.",
            "The host opens its account by the system-assigned identity, which this app does not have.",
            f"Set it to the identity's client id: {_PAGE}#hostjson.",
        )


def _telemetry(values: Mapping[str, str]) -> Iterator[Finding]:
    names = (*config.SETTINGS[-2:], *config.TELEMETRY_SETTINGS)
    missing = [name for name in names if not values.get(name)]
    if len(missing) == len(names):
        yield Finding(
            "telemetry_off",
            "Nothing is sent to Application Insights.",
            "No alert fires, and status alone says what became of uploads.",
            f"{_PAGE}#telemetry",
        )
    elif missing:
        yield Finding(
            "telemetry_incomplete",
            f"Telemetry is set up in part; missing: {', '.join(missing)}.",
            "Traces are dropped, or sent twice, or nothing is sent.",
            f"Set all or none: {_PAGE}#telemetry.",
        )
