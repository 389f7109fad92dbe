"""Remembers where an upload goes before it is copied there, so that it is at rest in exactly one place.

A delivery that copies and then cannot delete, or dies, is followed by another one. That one may decide differently: the
item has appeared, or was renamed. It finds here where the first copy is.
"""

import json
from dataclasses import dataclass

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobClient, BlobServiceClient

from shared.errors import Reason, Transient
from shared.storage.errors import code_of
from shared.storage.names import ARCHIVE, RECORDS, destination_name

Place = tuple[str, str]  # container and name


@dataclass(frozen=True)
class Destination:
    """Where an upload goes, and the places that may hold an earlier copy of it."""

    place: Place
    abandoned: tuple[Place, ...] = ()


class Destinations:
    """Settles where each upload goes; one per process."""

    def __init__(self, service: BlobServiceClient) -> None:
        self._service = service

    def settle(self, source: str, etag: str, wanted: Place) -> Destination:
        """Return where the upload goes: to ``wanted``, unless it was on its way to another place.

        The first decision stands, except that the archive replaces quarantine: there the picture did reach its item.
        """
        blob = self._blob(source, etag)
        try:
            blob.upload_blob(_encode([wanted]), overwrite=False)
        except HttpResponseError as error:
            if code_of(error) != "BlobAlreadyExists":
                raise
            return self._join(blob, wanted)
        return Destination(wanted)

    def find(self, source: str, etag: str, otherwise: Place) -> Destination:
        """Return where the upload is on its way to, or ``otherwise`` if nothing is remembered of it."""
        blob = self._blob(source, etag)
        try:
            return _destination(_decode(blob.download_blob().readall(), blob))
        except HttpResponseError as error:
            if code_of(error) != "BlobNotFound":
                raise
            return Destination(otherwise)

    def forget(self, source: str, etag: str) -> None:
        """Forget an upload that has arrived."""
        try:
            self._blob(source, etag).delete_blob()
        except HttpResponseError as error:
            if code_of(error) != "BlobNotFound":
                raise

    def _join(self, blob: BlobClient, wanted: Place) -> Destination:
        download = blob.download_blob()
        places = _decode(download.readall(), blob)
        if wanted[0] == ARCHIVE and _destination(places).place[0] != ARCHIVE:
            places.append(wanted)
            unchanged = MatchConditions.IfNotModified
            blob.upload_blob(_encode(places), overwrite=True, etag=download.properties.etag, match_condition=unchanged)
        return _destination(places)

    def _blob(self, source: str, etag: str) -> BlobClient:
        return self._service.get_blob_client(RECORDS, destination_name(source, etag))


def _destination(places: list[Place]) -> Destination:
    chosen = next((place for place in places if place[0] == ARCHIVE), places[0])
    return Destination(chosen, tuple(other for other in places if other != chosen))


def _encode(places: list[Place]) -> bytes:
    return json.dumps(places).encode()


def _decode(content: bytes, blob: BlobClient) -> list[Place]:
    try:
        places = [(str(container), str(name)) for container, name in json.loads(content)]
        first, *_ = places
    except (TypeError, ValueError) as error:
        detail = f"{blob.container_name}/{blob.blob_name} names no place: {error}. Remove that blob."
        raise Transient(Reason.STORAGE, detail) from error
    return [first, *places[1:]]
