"""Starts Azurite and addresses its two accounts, for the app's settings and for the stack's own clients."""

import base64
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from azure.core.credentials import TokenCredential
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient

from devstack.machine import setup
from devstack.machine.children import Facts

PICTURES, HOST = "pictures", "host"  # the host has an account of its own, as in Azure

_OPTIONS = (
    *("--blobHost", "127.0.0.1", "--blobPort", "0", "--queueHost", "127.0.0.1", "--queuePort", "0"),
    *("--tableHost", "127.0.0.1", "--tablePort", "0"),
    *("--inMemoryPersistence", "--disableTelemetry", "--skipApiVersionCheck"),
)


@dataclass(frozen=True)
class Certificate:
    """Azurite's certificate for HTTPS, which its clients trust, and its private key."""

    public: Path
    private: Path


# Moves Node's clock ahead by the seconds in a file, so that storage itself sees another time.
_MOVABLE_CLOCK = """
const Real = Date, fs = require("fs");
const now = () => Real.now() + 1000 * Number(fs.readFileSync(process.env.AZURITE_CLOCK, "utf8"));
globalThis.Date = new Proxy(Real, {
  construct: (date, given, target) => Reflect.construct(date, given.length ? given : [now()], target),
  apply: () => new Real(now()).toString(),
  get: (date, name) => (name === "now" ? now : Reflect.get(date, name)),
});
"""


# Azurite removes what nobody refers to any more every ten minutes, one extent at a time, and sorts its index anew after
# each: 4,000 of 8,000 took it 88 s, in which it answered nobody. All at once, it takes 33 ms.
SWIFT_CLEANING = """
const persistence = require("path").join(require("path").dirname(process.argv[1]), "common", "persistence");
const Extents = require(persistence + "/MemoryExtentStore").default;
Extents.prototype.deleteExtents = async function (extents) {
  const ids = new Set(extents), metadata = this.metadataStore;
  for (const id of ids) this.chunks.delete(this.categoryName, id);
  metadata.db.getCollection(metadata.EXTENTS_COLLECTION).removeWhere((extent) => ids.has(extent.id));
  return ids.size;
};
"""


# With 10,000 blobs, a removal took 100 ms, because the index was sorted anew, and each look-up 5 ms, because it began
# with the account, which is the same for all. One document at a time, the index is adapted; and names tell blobs apart.
SWIFT_INDEX = """
const { Collection, Resultset } = require("module").createRequire(process.argv[1])("lokijs");
Collection.prototype.findAndRemove = function (query) { this.find(query).forEach((found) => this.remove(found)); };
const find = Resultset.prototype.find;
Resultset.prototype.find = function (query, firstOnly) {
  const isBlob = typeof query?.name === "string" && "containerName" in query;
  return find.call(this, isBlob ? { name: query.name, ...query } : query, firstOnly);
};
"""


class StorageClock:
    """Moves Azurite's clock ahead of the machine's."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.set(0)

    def set(self, ahead: float) -> None:
        """Set the clock ``ahead`` seconds; it holds from Azurite's next request on."""
        partial = self._file.with_suffix(".partial")
        partial.write_text(str(ahead), encoding="utf-8")
        partial.replace(self._file)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variable that Azurite reads the clock from."""
        return {"AZURITE_CLOCK": str(self._file)}


def command(main: Path, certificate: Certificate | None, *, movable_clock: bool) -> list[str | Path]:
    """Return the command that starts Azurite; with a certificate it serves HTTPS and accepts bearer tokens."""
    starter = (_MOVABLE_CLOCK if movable_clock else "") + SWIFT_CLEANING + SWIFT_INDEX + setup.NODE_STARTER
    secure: list[str | Path] = []
    if certificate:
        secure = ["--oauth", "basic", "--cert", certificate.public, "--key", certificate.private]
    return [setup.node(), "-e", starter, main, *_OPTIONS, *secure]


@dataclass
class Accounts:
    """Both accounts, with a random key; with ``identity``, only Azurite ever holds that key."""

    certificate: Certificate
    identity: TokenCredential | None = None
    urls: Facts = field(default_factory=dict)
    _key: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(64)).decode(), repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """The environment variable that gives Azurite its accounts."""
        return {"AZURITE_ACCOUNTS": f"{PICTURES}:{self._key};{HOST}:{self._key}"}

    def connection_string(self, name: str = PICTURES) -> str:
        """Return an account's connection string; empty if only tokens open the account."""
        if self.identity:
            return ""
        account = f"DefaultEndpointsProtocol=http;AccountName={name};AccountKey={self._key}"
        return f"{account};BlobEndpoint={self.urls['Blob']}/{name};QueueEndpoint={self.urls['Queue']}/{name};"

    def settings(self) -> dict[str, str]:
        """Return the app settings for both accounts: the trigger's and the host's."""
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
        """Return the stack's own client for an account."""
        if not self.identity:
            return BlobServiceClient.from_connection_string(self.connection_string(name))
        url, trusted = f"{self.urls['Blob']}/{name}", str(self.certificate.public)
        return BlobServiceClient(url, credential=self.identity, connection_verify=trusted)

    def queue(self, queue: str, name: str = PICTURES) -> QueueClient:
        """Return the stack's own client for a queue of an account."""
        if not self.identity:
            return QueueClient.from_connection_string(self.connection_string(name), queue)
        url, trusted = f"{self.urls['Queue']}/{name}", str(self.certificate.public)
        return QueueClient(url, queue, credential=self.identity, connection_verify=trusted)


def urls() -> Callable[[str], Facts | None]:
    """Return a recogniser that collects the URLs of Azurite's services and returns them once it has both."""
    urls_by_service: Facts = {}

    def recognise(line: str) -> Facts | None:
        if match := re.search(r"Azurite (Blob|Queue) service is successfully listening at (http\S+)", line):
            urls_by_service[match[1]] = match[2]
        return urls_by_service if len(urls_by_service) == 2 else None  # noqa: PLR2004 - both

    return recognise
