"""Opens the storage accounts that app settings name, by connection string or by identity, as the real host does."""

from collections.abc import Mapping
from typing import Any

from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import LinearRetry, QueueClient


def blobs(connection: str, settings: Mapping[str, str]) -> BlobServiceClient:
    """Return a client for the blobs of the account behind a connection's name."""
    if connection_string := settings.get(connection):
        return BlobServiceClient.from_connection_string(connection_string, **_retries())
    return BlobServiceClient(settings[f"{connection}__blobServiceUri"], _identity(connection, settings), **_retries())


def queue(connection: str, name: str, settings: Mapping[str, str]) -> QueueClient:
    """Return a client for one queue of the account behind a connection's name."""
    if connection_string := settings.get(connection):
        return QueueClient.from_connection_string(connection_string, name, **_retries())
    uri = settings[f"{connection}__queueServiceUri"]
    return QueueClient(uri, name, credential=_identity(connection, settings), **_retries())


def _retries() -> dict[str, Any]:
    """Retry soon, unlike the SDK by default; a policy belongs to one client."""
    return {"retry_policy": LinearRetry(backoff=1, retry_total=2, random_jitter_range=0)}


def _identity(connection: str, settings: Mapping[str, str]) -> ManagedIdentityCredential:
    return ManagedIdentityCredential(client_id=settings.get(f"{connection}__clientId"))
