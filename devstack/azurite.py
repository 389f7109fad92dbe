"""Azurite: how it is started, and its one account as the app's settings and the stack's own clients name it."""

import base64
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from azure.core.credentials import TokenCredential
from azure.storage.blob import BlobServiceClient

from devstack import setup
from devstack.children import Facts

ACCOUNT = "pictures"

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


def command(main: Path, certificate: Certificate | None) -> list[str | Path]:
    """Return what starts Azurite; with a certificate over HTTPS, where it takes bearer tokens."""
    secure: list[str | Path] = []
    if certificate:
        secure = ["--oauth", "basic", "--cert", certificate.public, "--key", certificate.private]
    return [setup.node(), "-e", setup.NODE_STARTER, main, *_OPTIONS, *secure]


@dataclass
class Account:
    """The pictures account; its key is random, and with ``identity`` nobody but Azurite ever has it."""

    certificate: Certificate
    identity: TokenCredential | None = None
    urls: Facts = field(default_factory=dict)
    _key: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(64)).decode(), repr=False)

    @property
    def environment(self) -> dict[str, str]:
        """What tells Azurite of the account."""
        return {"AZURITE_ACCOUNTS": f"{ACCOUNT}:{self._key}"}

    @property
    def connection_string(self) -> str:
        """How any storage client finds the account; empty where only tokens open it."""
        if self.identity:
            return ""
        account = f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={self._key}"
        return f"{account};BlobEndpoint={self.urls['Blob']}/{ACCOUNT};QueueEndpoint={self.urls['Queue']}/{ACCOUNT};"

    def settings(self) -> dict[str, str]:
        """Return the app settings for it, for the trigger and for the host."""
        if not self.identity:
            return {"AzureWebJobsStorage": self.connection_string, "PICTURE_STORAGE": self.connection_string}
        named = {
            "blobServiceUri": f"{self.urls['Blob']}/{ACCOUNT}",
            "queueServiceUri": f"{self.urls['Queue']}/{ACCOUNT}",
            "credential": "managedidentity",
        }
        prefixes = ("AzureWebJobsStorage", "PICTURE_STORAGE")
        return {f"{prefix}__{name}": value for prefix in prefixes for name, value in named.items()}

    def blobs(self) -> BlobServiceClient:
        """Return a client of the stack's own."""
        if not self.identity:
            return BlobServiceClient.from_connection_string(self.connection_string)
        url, trusted = f"{self.urls['Blob']}/{ACCOUNT}", str(self.certificate.public)
        return BlobServiceClient(url, credential=self.identity, connection_verify=trusted)


def urls() -> Callable[[str], Facts | None]:
    """Return a recogniser that collects where Azurite's services listen, and returns that once it is complete."""
    found: Facts = {}

    def recognise(line: str) -> Facts | None:
        if match := re.search(r"Azurite (Blob|Queue) service is successfully listening at (http\S+)", line):
            found[match[1]] = match[2]
        return found if len(found) == 2 else None  # noqa: PLR2004 - both

    return recognise
