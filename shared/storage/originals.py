"""Lists the originals in archive and quarantine, page by page: any number of them costs the memory of one page."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote

from azure.storage.blob import BlobServiceClient

from shared.storage.errors import storage_errors
from shared.storage.names import fingerprint, replayed_at
from shared.storage.uploads import Source, keep_date, metadata_of, time_of

_PAGE_SIZE = 500  # blobs; metadata can be 8 KiB each
_BEFORE = "before"  # the outcome of a picture that BC had before: no upload
_SETTLING = "waiting"  # the outcome of what is in the archive while its upload is still in incoming


@dataclass(frozen=True)
class Original:
    """An upload in archive or quarantine; ``age`` is the time since it came there, by storage's clock."""

    container: str
    name: str
    age: timedelta
    metadata: Mapping[str, str]

    def value(self, key: str) -> str:
        """Return one of our metadata, decoded; empty if there is none."""
        return unquote(self.metadata.get(key, ""))

    @property
    def source_name(self) -> str:
        """The name under which it was uploaded; only its beginning, unless it ``has_whole_name``."""
        return self.value("source_name")

    @property
    def has_whole_name(self) -> bool:
        """Whether the metadata have the upload's name in full: our own name for it contains the name's hash."""
        return fingerprint(self.source_name, self.value("source_etag")) in self.name

    @property
    def uploaded_at(self) -> datetime | None:
        """When it was uploaded; None if this is not an original but a note, or somebody else's blob."""
        return replayed_at(self.metadata, self.source_name)

    @property
    def is_before(self) -> bool:
        """Whether this is what BC showed before the first upload."""
        return self.value("outcome") == _BEFORE

    @property
    def is_settling(self) -> bool:
        """Whether this is the copy of an upload that settles: from it, the sweep restores what is on the item."""
        return self.value("outcome") == _SETTLING


def original_of(source: Source) -> Original:
    """Return ``source``, a blob in archive or quarantine, as the original that it may be."""
    return Original(source.container, source.name, source.age, source.metadata)


class Originals:
    """Lists originals; one per process."""

    def __init__(self, service: BlobServiceClient, page_size: int = _PAGE_SIZE) -> None:
        self._service, self._page_size = service, page_size

    def all(self, container: str, prefix: str = "") -> Iterator[Original]:
        """Yield the originals whose names begin with ``prefix``, sorted by name; no notes, no strangers."""
        dates: list[str] = []
        client = self._service.get_container_client(container)
        with storage_errors(f"listing {container}"):
            blobs = client.list_blobs(
                prefix or None,
                include=["metadata"],
                results_per_page=self._page_size,
                raw_response_hook=keep_date(dates),
            )
            for blob in blobs:
                age = time_of(dates) - blob.last_modified
                original = Original(container, blob.name, age, metadata_of(blob))
                if original.uploaded_at:
                    yield original
