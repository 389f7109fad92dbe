"""Lists incoming page by page, so that any number of uploads costs the memory of one page."""

from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus

from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobServiceClient

from shared.storage.errors import storage_errors
from shared.storage.names import INCOMING, is_folder
from shared.storage.uploads import keep_date, time_of
from shared.sweep_plan import Candidate

PAGE_SIZE = 2000  # blobs; storage allows 5,000, which the SDK turns into 17 MiB of objects


@dataclass(frozen=True)
class Page:
    """One page of the list, and the marker of the next one, None at the list's end."""

    uploads: list[Candidate]
    marker: str | None


class Incoming:
    """Lists the uploads in incoming; one per process."""

    def __init__(self, service: BlobServiceClient, page_size: int = PAGE_SIZE) -> None:
        self._service, self._page_size = service, page_size

    def pages(self, marker: str | None) -> Iterator[Page]:
        """Yield the list's pages, sorted by name, from ``marker`` on; from the beginning if storage refuses it."""
        has_begun = False
        with storage_errors(f"listing {INCOMING}"):
            try:
                for page in self._pages(marker):
                    has_begun = True
                    yield page
            except HttpResponseError as error:
                if has_begun or marker is None or error.status_code != HTTPStatus.BAD_REQUEST:
                    raise
                yield from self._pages(None)

    def _pages(self, marker: str | None) -> Iterator[Page]:
        dates: list[str] = []
        container = self._service.get_container_client(INCOMING)
        # In accounts with a hierarchical namespace, folders are listed too; only their metadata tells.
        listing = container.list_blobs(
            include=["metadata"], results_per_page=self._page_size, raw_response_hook=keep_date(dates)
        )
        pages = listing.by_page(continuation_token=marker)
        for page in pages:
            blobs = [blob for blob in page if not is_folder(blob.metadata)]
            now = time_of(dates)
            yield Page([Candidate(blob.name, now - blob.last_modified) for blob in blobs], pages.continuation_token)  # type: ignore[attr-defined] # the SDK's pager
