"""Azurite: how it is started, and its two accounts as the app's settings and the stack's own clients name them."""

import base64
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from azure.core.credentials import TokenCredential
from azure.storage.blob import BlobServiceClient

from devstack.machine import setup
from devstack.machine.children import Facts

PICTURES, HOST = "pictures", "host"  # the host's account is apart from the pictures, as in Azure

_OPTIONS = (
    *("--blobHost", "127.0.0.1", "--blobPort", "0", "--queueHost", "127.0.0.1", "--queuePort", "0"),
    *("--tableHost", "127.0.0.1", "--tablePort", "0"),
    *("--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck"),
)


@dataclass(frozen=True)
class Certificate:
    """What Azurite shows over HTTPS, and what its clients trust."""

    public: Path
    private: Path


# Node's clock, as far ahead as a file says: what storage calls time can then be moved, in storage itself.
_MOVABLE_CLOCK = """
const Real = Date, fs = require("fs");
const now = () => Real.now() + 1000 * Number(fs.readFileSync(process.env.AZURITE_CLOCK, "utf8"));
globalThis.Date = new Proxy(Real, {
  construct: (date, given, target) => Reflect.construct(date, given.length ? given : [now()], target),
  apply: () => new Real(now()).toString(),
  get: (date, name) => (name === "now" ? now : Reflect.get(date, name)),
});
"""


class Clock:
    """Azurite's clock, seconds ahead of the machine's."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, ahead: float) -> None:
        """Set it; the next request that Azurite answers goes by it."""
        partial = self._file.with_suffix(".partial")
        partial.write_text(str(ahead), encoding="utf-8")
        partial.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """What tells Azurite of it."""
        return {"AZURITE_CLOCK": str(self._file)}


def command(main: Path, certificate: Certificate | None, *, movable_clock: bool) -> list[str | Path]:
    """Return what starts Azurite; with a certificate over HTTPS, where it takes bearer tokens."""
    starter = _MOVABLE_CLOCK + setup.NODE_STARTER if movable_clock else setup.NODE_STARTER
    secure: list[str | Path] = []
    if certificate:
        secure = ["--oauth", "basic", "--cert", certificate.public, "--key", certificate.private]
    return [setup.node(), "-e", starter, main, *_OPTIONS, *secure]


@dataclass
class Accounts:
    """Both accounts; their key is random, and with ``identity`` nobody but Azurite ever has it."""

    certificate: Certificate
    identity: TokenCredential | None = None
    urls: Facts = field(default_factory=dict)
    _key: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(64)).decode(), repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """What tells Azurite of the accounts."""
        return {"AZURITE_ACCOUNTS": f"{PICTURES}:{self._key};{HOST}:{self._key}"}

    def connection_string(self, name: str = PICTURES) -> str:
        """Return how any storage client finds an account; empty where only tokens open it."""
        if self.identity:
            return ""
        account = f"DefaultEndpointsProtocol=http;AccountName={name};AccountKey={self._key}"
        return f"{account};BlobEndpoint={self.urls['Blob']}/{name};QueueEndpoint={self.urls['Queue']}/{name};"

    def settings(self) -> dict[str, str]:
        """Return the app settings for them, for the trigger and for the host."""
        return {
            name: value
            for prefix, account in (("PICTURE_STORAGE", PICTURES), ("AzureWebJobsStorage", HOST))
            for name, value in self._settings(prefix, account).items()
        }

    def _settings(self, prefix: str, account: str) -> dict[str, str]:
        if not self.identity:
            return {prefix: self.connection_string(account)}
        return {
            f"{prefix}__blobServiceUri": f"{self.urls['Blob']}/{account}",
            f"{prefix}__queueServiceUri": f"{self.urls['Queue']}/{account}",
            f"{prefix}__credential": "managedidentity",
        }

    def blobs(self, name: str = PICTURES) -> BlobServiceClient:
        """Return a client of the stack's own for an account."""
        if not self.identity:
            return BlobServiceClient.from_connection_string(self.connection_string(name))
        url, trusted = f"{self.urls['Blob']}/{name}", str(self.certificate.public)
        return BlobServiceClient(url, credential=self.identity, connection_verify=trusted)


def urls() -> Callable[[str], Facts | None]:
    """Return a recogniser that collects where Azurite's services listen, and returns that once it is complete."""
    found: Facts = {}

    def recognise(line: str) -> Facts | None:
        if match := re.search(r"Azurite (Blob|Queue) service is successfully listening at (http\S+)", line):
            found[match[1]] = match[2]
        return found if len(found) == 2 else None  # noqa: PLR2004 - both

    return recognise
