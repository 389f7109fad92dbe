"""The app settings, read once, all problems reported together. Pure: takes a mapping, opens nothing."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar
from urllib.parse import quote, unquote, urlsplit

from shared.paths import PathTemplate, guid_of, parse_templates
from shared.pictures.rendition import FITS, Rendition, SourceLimits

_CONNECTION_STRING = (
    r"(?i)(^|;)(usedevelopmentstorage=true|accountname=[^;]+;(.*;)?accountkey=.+|sharedaccesssignature=.+)"
)
BUSINESS_CENTRAL = "https://api.businesscentral.dynamics.com"
DEFAULT_TEMPLATE = "{company}/{item}.{extension}|{item}.{extension}"
TRIGGER_SOURCES = ("EventGrid", "LogsAndContainerScan")
API_VERSIONS = ("v2.0", "v1.0")
# Of the 2048 MB of an instance, what the renders of its one process may hold together.
RENDER_MEMORY = 900 * 1024 * 1024

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
    "KEEP_EXISTING",
)

_T = TypeVar("_T")


class ConfigurationError(Exception):
    """The app settings do not make sense; the message lists every problem."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("The app settings need attention:\n" + "\n".join(f"- {problem}" for problem in problems))
        self.problems = problems


@dataclass(frozen=True)
class StorageSettings:
    """The pictures account: by connection string (local) or by URL and managed identity (Azure)."""

    connection_string: str | None
    blob_service_uri: str | None
    client_id: str | None

    def __repr__(self) -> str:
        # A connection string holds a key, and settings end up in tracebacks.
        return f"StorageSettings({self.blob_service_uri or 'by connection string'})"


@dataclass(frozen=True)
class BusinessCentralSettings:
    """Where Business Central is and who asks: ``base_url`` is the whole base, ``…/api/v2.0``.

    ``client_id`` is that of a user-assigned identity; ``federated_client_id`` that of the app registration in
    ``tenant_id`` which trusts the identity.
    """

    base_url: str
    api_version: str
    company: str | None
    client_id: str | None
    tenant_id: str | None
    federated_client_id: str | None

    @property
    def environment(self) -> str:
        """The environment's name, on-premises that of the server instance: what stands before ``/api/``."""
        parts = urlsplit(self.base_url)
        return unquote(parts.path.rpartition("/api/")[0].rpartition("/")[2]) or parts.netloc


@dataclass(frozen=True)
class Settings:
    """Everything that an operator can set."""

    storage: StorageSettings
    business_central: BusinessCentralSettings
    trigger_source: str
    templates: tuple[PathTemplate, ...]
    is_development: bool
    rendition: Rendition
    limits: SourceLimits
    render_memory: int  # bytes
    item_wait: timedelta
    keep_existing: bool


class _Reader:
    """Reads settings one by one and remembers what was wrong instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def is_empty_storage(self, name: str) -> bool:
        return name.startswith("PICTURE_STORAGE") and name in self._environ and not self.text(name)

    def parsed(self, name: str, default: str, parse: Callable[[str], _T]) -> _T:
        found = self.text(name) or default
        try:
            return parse(found)
        except ValueError as error:
            self.problems.append(f"{name}: found {found!r}; {error}")
            return parse(default)

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        def parse(found: str) -> int:
            if not re.fullmatch(r"[0-9]{1,12}", found) or not lowest <= int(found) <= highest:
                raise ValueError(f"expected a whole number from {lowest} to {highest}")
            return int(found)

        return self.parsed(name, str(default), parse)

    def guid(self, name: str) -> str | None:
        found = self.text(name)
        if found and not guid_of(found):
            self.problems.append(f"{name}: found {found!r}; expected a GUID")
        return found and guid_of(found)


def read(environ: Mapping[str, str]) -> Settings:
    """Return the settings.

    Raises:
        ConfigurationError: with one line for every setting that is missing, malformed or contradictory.
    """
    reader = _Reader(environ)
    templates = reader.parsed("BLOB_PATH_TEMPLATE", DEFAULT_TEMPLATE, parse_templates)
    settings = Settings(
        storage=_storage(reader),
        business_central=_business_central(reader, templates),
        trigger_source=reader.parsed("PICTURE_TRIGGER_SOURCE", TRIGGER_SOURCES[0], _one_of(TRIGGER_SOURCES)),
        templates=templates,
        # Core Tools set the first; whatever has an identity sets the second.
        is_development=reader.text("AZURE_FUNCTIONS_ENVIRONMENT") == "Development"
        and not reader.text("IDENTITY_ENDPOINT"),
        rendition=Rendition(
            max_side=reader.number("PICTURE_MAX_SIDE", Rendition.max_side, 64, 8192),
            max_bytes=reader.number("PICTURE_MAX_BYTES", Rendition.max_bytes, 4096, 50_000_000),
            quality=reader.number("PICTURE_QUALITY", Rendition.quality, 40, 95),
            background=reader.parsed("PICTURE_BACKGROUND", "#FFFFFF", _colour),
            fit=reader.parsed("PICTURE_FIT", FITS[0], _one_of(FITS)),
        ),
        limits=SourceLimits(
            max_bytes=reader.number("SOURCE_MAX_BYTES", SourceLimits.max_bytes, 1, 256 * 1024 * 1024),
            max_pixels=reader.number("SOURCE_MAX_PIXELS", SourceLimits.max_pixels, 1, 178_000_000),
        ),
        render_memory=reader.number("RENDER_MEMORY", RENDER_MEMORY, 64 * 1024 * 1024, 64 * 1024**3),
        item_wait=reader.parsed("ITEM_WAIT", "P7D", _duration),
        keep_existing=reader.parsed("KEEP_EXISTING", "true", _one_of(("true", "false"))) == "true",
    )
    if reader.problems:
        raise ConfigurationError(reader.problems)
    return settings


def _storage(reader: _Reader) -> StorageSettings:
    connection_string = reader.text("PICTURE_STORAGE")
    uri = reader.text("PICTURE_STORAGE__blobServiceUri")
    credential, client_id = (
        reader.text("PICTURE_STORAGE__credential"),
        reader.guid("PICTURE_STORAGE__clientId"),
    )
    # To us an empty setting is none; the trigger's binding takes it for a value, and fails at the first upload.
    reader.problems += [f"{name}: found ''; remove it" for name in SETTINGS if reader.is_empty_storage(name)]
    if bool(connection_string) == bool(uri):
        found = "both are set" if uri else "neither is set"
        expected = "set PICTURE_STORAGE__blobServiceUri (identity) or PICTURE_STORAGE (local connection string)"
        reader.problems.append(f"PICTURE_STORAGE: {found}; {expected}")
    if connection_string and not re.search(_CONNECTION_STRING, connection_string):
        found = "a value that is not shown, for it may hold a key"
        reader.problems.append(
            f"PICTURE_STORAGE: found {found}; expected a connection string (AccountName=…;AccountKey=…)"
        )
    if uri:
        _check_url(reader, "PICTURE_STORAGE__blobServiceUri", uri)
        # Without it the host cannot index the trigger, and says so nowhere.
        queue = reader.text("PICTURE_STORAGE__queueServiceUri")
        if queue:
            _check_url(reader, "PICTURE_STORAGE__queueServiceUri", queue)
        else:
            reader.problems.append(
                "PICTURE_STORAGE__queueServiceUri: not set; the trigger needs it beside the blob URL"
            )
        if credential not in (None, "managedidentity") or (client_id and not credential):
            # Without it the trigger would use the system-assigned identity, whatever the client id says.
            reader.problems.append(f"PICTURE_STORAGE__credential: found {credential!r}; expected 'managedidentity'")
    return StorageSettings(connection_string, uri, client_id)


def _business_central(reader: _Reader, templates: tuple[PathTemplate, ...]) -> BusinessCentralSettings:
    version = reader.parsed("BC_API_VERSION", API_VERSIONS[0], _one_of(API_VERSIONS))
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


def _base_url(reader: _Reader, tenant: str | None, version: str) -> str:
    """Return ``BC_BASE_URL``, or the address in the cloud that the other settings name."""
    environment, given = reader.text("BC_ENVIRONMENT"), reader.text("BC_BASE_URL")
    if given:
        _check_url(reader, "BC_BASE_URL", given)
        if not given.rstrip("/").endswith(f"/api/{version}"):
            expected = f"the whole base, ending in /api/{version} (BC_API_VERSION)"
            reader.problems.append(f"BC_BASE_URL: found {given!r}; expected {expected}")
        return given.rstrip("/")
    missing = [name for name, value in (("BC_TENANT_ID", tenant), ("BC_ENVIRONMENT", environment)) if not value]
    reader.problems += [f"{name}: not set; needed unless BC_BASE_URL is set" for name in missing]
    path = "/".join(quote(part or "", safe="", errors="replace") for part in (tenant, environment))
    return f"{BUSINESS_CENTRAL}/v2.0/{path}/api/{version}"


def _check_url(reader: _Reader, name: str, url: str) -> None:
    """Bearer tokens travel there: only over https, but for this very machine."""
    if not _is_safe(url):
        reader.problems.append(
            f"{name}: found {url.partition('?')[0]!r}; expected a URL that begins with https:// and holds no secret"
        )


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:  # brackets that hold no IPv6 address, a port that is none
        return False
    # With a backslash, urllib3 and urlsplit see different hosts; a query or a user name would hold a secret.
    if not host or re.search(r"[\\\s]", url) or "@" in parts.netloc or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _one_of(allowed: tuple[str, ...]) -> Callable[[str], str]:
    def parse(found: str) -> str:
        for value in allowed:
            if found.lower() == value.lower():
                return value
        raise ValueError(f"expected {' or '.join(allowed)}")

    return parse


def _colour(found: str) -> tuple[int, int, int]:
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", found):
        raise ValueError("expected a colour like #FFFFFF")
    red, green, blue = bytes.fromhex(found[1:])
    return red, green, blue


_DURATION = re.compile(
    r"P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?=\d)(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?", re.ASCII
)


def _duration(found: str) -> timedelta:
    """An ISO 8601 duration of fixed length: months and years are not, so they are not taken."""
    match = _DURATION.fullmatch(found.upper())
    if not match or not any(match.groups()):
        raise ValueError("expected a duration like P7D, PT12H or PT30M")
    weeks, days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)
