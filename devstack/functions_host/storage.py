"""Opens the storage accounts that app settings name, by connection string or by identity, as the real host does."""

from collections.abc import Mapping

from azure.identity import ManagedIdentityCredential
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueClient


def blobs(connection: str, settings: Mapping[str, str]) -> BlobServiceClient:
    """Return a client for the blobs of the account behind a connection's name."""
    if connection_string := settings.get(connection):
        return BlobServiceClient.from_connection_string(connection_string, retry_total=1)
    return BlobServiceClient(settings[f"{connection}__blobServiceUri"], _identity(connection, settings), retry_total=1)


def queue(connection: str, name: str, settings: Mapping[str, str]) -> QueueClient:
    """Return a client for one queue of the account behind a connection's name."""
    if connection_string := settings.get(connection):
        return QueueClient.from_connection_string(connection_string, name, retry_total=1)
    uri = settings[f"{connection}__queueServiceUri"]
    return QueueClient(uri, name, credential=_identity(connection, settings), retry_total=1)


def _identity(connection: str, settings: Mapping[str, str]) -> ManagedIdentityCredential:
    return ManagedIdentityCredential(client_id=settings.get(f"{connection}__clientId"))
