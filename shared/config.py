"""Reads the app settings from a mapping and reports all problems together. Pure: opens nothing."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import quote, unquote, urlsplit

from shared.paths import PathTemplate, parse_templates
from shared.pictures.memory import USUAL_SIZE
from shared.pictures.rendition import FITS, Rendition, SourceLimits
from shared.redaction import redacted
from shared.setting_values import Reader, colour, duration, one_of, schedule

_CONNECTION_STRING = (
    r"(?i)(^|;)(usedevelopmentstorage=true|accountname=[^;]+;(.*;)?accountkey=.+|sharedaccesssignature=.+)"
)
_TRUE = ("true", "TRUE", "True", "1")
BUSINESS_CENTRAL = "https://api.businesscentral.dynamics.com"
DEFAULT_TEMPLATE = "{company}/{item}.{extension}|{item}.{extension}"
TRIGGER_SOURCES = ("EventGrid", "LogsAndContainerScan")
API_VERSIONS = ("v2.0", "v1.0")
# What all renders of a process may hold together; an instance has 2048 MB and runs one process.
RENDER_MEMORY = USUAL_SIZE

# Every setting that the app reads, in the order of the documentation.
SETTINGS = (
    "PICTURE_STORAGE",
    "PICTURE_STORAGE__blobServiceUri",
    "PICTURE_STORAGE__queueServiceUri",
    "PICTURE_STORAGE__credential",
    "PICTURE_STORAGE__clientId",
    "PICTURE_TRIGGER_SOURCE",
    "BLOB_PATH_TEMPLATE",
    "BC_TENANT_ID",
    "BC_ENVIRONMENT",
    "BC_COMPANY",
    "BC_API_VERSION",
    "BC_BASE_URL",
    "AZURE_CLIENT_ID",
    "BC_CLIENT_ID",
    "PICTURE_MAX_SIDE",
    "PICTURE_MAX_BYTES",
    "PICTURE_QUALITY",
    "PICTURE_FIT",
    "PICTURE_BACKGROUND",
    "SOURCE_MAX_BYTES",
    "SOURCE_MAX_PIXELS",
    "RENDER_MEMORY",
    "ITEM_WAIT",
    "UNFINISHED_WAIT",
    "SWEEP_SCHEDULE",
    "SWEEP_MIN_AGE",
    "KEEP_EXISTING",
    "APPLICATIONINSIGHTS_CONNECTION_STRING",
    "PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY",
)

# What only the host, the worker and the distribution of Azure Monitor read.
TELEMETRY_SETTINGS = (
    "APPLICATIONINSIGHTS_AUTHENTICATION_STRING",
    "PYTHON_APPLICATIONINSIGHTS_LOGGER_NAME",
    "OTEL_TRACES_SAMPLER",
    "OTEL_TRACES_SAMPLER_ARG",
    "OTEL_METRICS_EXPORTER",
    "OTEL_BSP_SCHEDULE_DELAY",
    "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS",
    "APPLICATIONINSIGHTS_SDKSTATS_DISABLED",
    "APPLICATIONINSIGHTS_STATSBEAT_DISABLED_ALL",
    "APPLICATIONINSIGHTS_CONTROLPLANE_DISABLED",
    "APPLICATIONINSIGHTS_OPENTELEMETRY_RESOURCE_METRIC_DISABLED",
)


class ConfigurationError(Exception):
    """Reports app settings that are missing, malformed or contradictory; the message lists every problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The app settings need attention:\n" + "\n".join(f"- {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class StorageSettings:
    """Says how to open the pictures account: a connection string (local), or a URL and managed identity (Azure)."""

    connection_string: str | None
    blob_service_uri: str | None
    client_id: str | None

    def __repr__(self) -> str:
        # A connection string has a key in it, and settings end up in tracebacks.
        return f"StorageSettings({self.blob_service_uri or 'by connection string'})"


@dataclass(frozen=True)
class BusinessCentralSettings:
    """Says where Business Central is and who signs in; ``base_url`` is the whole base, ``…/api/v2.0``.

    ``client_id`` names a user-assigned identity, ``federated_client_id`` the app registration in ``tenant_id`` that
    trusts it.
    """

    base_url: str
    api_version: str
    company: str | None
    client_id: str | None
    tenant_id: str | None
    federated_client_id: str | None

    @property
    def environment(self) -> str:
        """The environment's name, or the server instance on-premises: the path segment before ``/api/``."""
        parts = urlsplit(self.base_url)
        return unquote(parts.path.rpartition("/api/")[0].rpartition("/")[2]) or parts.netloc


@dataclass(frozen=True)
class Settings:
    """Holds everything that an operator can set."""

    storage: StorageSettings
    business_central: BusinessCentralSettings
    trigger_source: str
    templates: tuple[PathTemplate, ...]
    is_development: bool
    rendition: Rendition
    limits: SourceLimits
    render_memory: int  # bytes
    item_wait: timedelta
    unfinished_wait: timedelta
    sweep_schedule: str
    sweep_min_age: timedelta
    keep_existing: bool
    has_telemetry: bool


def read(environ: Mapping[str, str]) -> Settings:
    """Read the settings.

    Raises:
        ConfigurationError: names every setting that is missing, malformed or contradictory.
    """
    reader = Reader(environ)
    templates = reader.parsed("BLOB_PATH_TEMPLATE", DEFAULT_TEMPLATE, parse_templates)
    settings = Settings(
        storage=_storage(reader),
        business_central=_business_central(reader, templates),
        trigger_source=reader.parsed("PICTURE_TRIGGER_SOURCE", TRIGGER_SOURCES[0], one_of(TRIGGER_SOURCES)),
        templates=templates,
        # Core Tools set the first; a host with a managed identity sets the second.
        is_development=reader.text("AZURE_FUNCTIONS_ENVIRONMENT") == "Development"
        and not reader.text("IDENTITY_ENDPOINT"),
        rendition=Rendition(
            max_side=reader.number("PICTURE_MAX_SIDE", Rendition.max_side, 64, 8192),
            max_bytes=reader.number("PICTURE_MAX_BYTES", Rendition.max_bytes, 4096, 50_000_000),
            quality=reader.number("PICTURE_QUALITY", Rendition.quality, 40, 95),
            background=reader.parsed("PICTURE_BACKGROUND", "#FFFFFF", colour),
            fit=reader.parsed("PICTURE_FIT", FITS[0], one_of(FITS)),
        ),
        limits=SourceLimits(
            max_bytes=reader.number("SOURCE_MAX_BYTES", SourceLimits.max_bytes, 1, 256 * 1024 * 1024),
            max_pixels=reader.number("SOURCE_MAX_PIXELS", SourceLimits.max_pixels, 1, 178_000_000),
        ),
        render_memory=reader.number("RENDER_MEMORY", RENDER_MEMORY, 64 * 1024 * 1024, 64 * 1024**3),
        item_wait=reader.parsed("ITEM_WAIT", "P7D", duration),
        unfinished_wait=reader.parsed("UNFINISHED_WAIT", "PT10M", duration),
        sweep_schedule=reader.parsed("SWEEP_SCHEDULE", "0 */5 * * * *", schedule),
        sweep_min_age=reader.parsed("SWEEP_MIN_AGE", "PT2M", duration),
        keep_existing=reader.parsed("KEEP_EXISTING", "true", one_of(("true", "false"))) == "true",
        # The worker sets telemetry up if the second says so, and cannot do that without the first.
        has_telemetry=bool(reader.text("APPLICATIONINSIGHTS_CONNECTION_STRING"))
        and reader.text("PYTHON_APPLICATIONINSIGHTS_ENABLE_TELEMETRY") in _TRUE,
    )
    if reader.problems:
        raise ConfigurationError(reader.problems)
    return settings


def _storage(reader: Reader) -> StorageSettings:
    connection_string = reader.text("PICTURE_STORAGE")
    uri = reader.text("PICTURE_STORAGE__blobServiceUri")
    credential, client_id = (
        reader.text("PICTURE_STORAGE__credential"),
        reader.guid("PICTURE_STORAGE__clientId"),
    )
    # We would ignore an empty setting, but the trigger's binding uses it and fails at the first upload.
    reader.problems += [f"{name}: found ''; remove it" for name in SETTINGS if reader.is_empty_storage(name)]
    if bool(connection_string) == bool(uri):
        found = "both are set" if uri else "neither is set"
        expected = "set PICTURE_STORAGE__blobServiceUri (identity) or PICTURE_STORAGE (local connection string)"
        reader.problems.append(f"PICTURE_STORAGE: {found}; {expected}")
    if connection_string and not re.search(_CONNECTION_STRING, connection_string):
        found = "a value (not shown, it may contain a key)"
        reader.problems.append(
            f"PICTURE_STORAGE: found {found}; expected a connection string (AccountName=…;AccountKey=…)"
        )
    if uri:
        reader.check_url("PICTURE_STORAGE__blobServiceUri", uri)
        # Without it the host cannot index the trigger, and does not say so.
        queue = reader.text("PICTURE_STORAGE__queueServiceUri")
        if queue:
            reader.check_url("PICTURE_STORAGE__queueServiceUri", queue)
        else:
            reader.problems.append(
                "PICTURE_STORAGE__queueServiceUri: not set; the trigger needs it beside the blob URL"
            )
        if credential not in (None, "managedidentity") or (client_id and not credential):
            # Without it the trigger uses the system-assigned identity, whatever the client id says.
            found = repr(credential and redacted(credential))
            reader.problems.append(f"PICTURE_STORAGE__credential: found {found}; expected 'managedidentity'")
    return StorageSettings(connection_string, uri, client_id)


def _business_central(reader: Reader, templates: tuple[PathTemplate, ...]) -> BusinessCentralSettings:
    version = reader.parsed("BC_API_VERSION", API_VERSIONS[0], one_of(API_VERSIONS))
    company = reader.text("BC_COMPANY")
    if not company and not any(template.names_company for template in templates):
        reader.problems.append("BC_COMPANY: not set; needed because no BLOB_PATH_TEMPLATE contains {company}")
    federated = reader.guid("BC_CLIENT_ID")
    tenant = reader.text("BC_TENANT_ID")
    if federated and not tenant:
        reader.problems.append("BC_TENANT_ID: not set; BC_CLIENT_ID needs the tenant of that app registration")
    return BusinessCentralSettings(
        base_url=_base_url(reader, tenant, version),
        api_version=version,
        company=company,
        client_id=reader.guid("AZURE_CLIENT_ID"),
        tenant_id=tenant,
        federated_client_id=federated,
    )


def _base_url(reader: Reader, tenant: str | None, version: str) -> str:
    """Return ``BC_BASE_URL``, or the cloud address that the other settings describe."""
    environment, given = reader.text("BC_ENVIRONMENT"), reader.text("BC_BASE_URL")
    if given:
        reader.check_url("BC_BASE_URL", given)
        if not given.rstrip("/").endswith(f"/api/{version}"):
            expected = f"the whole base, ending in /api/{version} (BC_API_VERSION)"
            reader.problems.append(f"BC_BASE_URL: found {redacted(given)!r}; expected {expected}")
        return given.rstrip("/")
    missing = [name for name, value in (("BC_TENANT_ID", tenant), ("BC_ENVIRONMENT", environment)) if not value]
    reader.problems += [f"{name}: not set; needed unless BC_BASE_URL is set" for name in missing]
    path = "/".join(quote(part or "", safe="", errors="replace") for part in (tenant, environment))
    return f"{BUSINESS_CENTRAL}/v2.0/{path}/api/{version}"
