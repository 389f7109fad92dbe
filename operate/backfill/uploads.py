"""Uploads files into incoming, each at most once: never over another blob, and never again without having looked."""

import hashlib
import mimetypes
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from io import BufferedReader
from pathlib import Path
from threading import Event
from uuid import uuid4

from azure.core import MatchConditions
from azure.core.exceptions import AzureError, HttpResponseError, ResourceExistsError
from azure.storage.blob import BlobBlock, BlobClient, BlobServiceClient, ContentSettings

from operate.backfill.traces import Traces
from operate.errors import ExitCode, Problem, problem_of
from operate.manifest import Row, State
from operate.retrying import ATTEMPTS, FIRST_WAIT, may_pass, patiently
from shared.storage.errors import code_of
from shared.storage.names import INCOMING, unquoted_etag
from shared.storage.uploads import keep_date, time_of

_ONE_PUT = 8 * 1024 * 1024  # bytes in memory for each upload under way; larger files go by blocks of this size
_ROUNDED = timedelta(minutes=1)  # storage tells whole seconds, and over a long run clocks drift apart


@dataclass(frozen=True)
class Uploader:
    """Uploads the files of one folder; safe to use from threads. It stops between attempts when ``stop`` is set.

    ``now`` tells storage's time: this machine's may be wrong by any amount.
    """

    blobs: BlobServiceClient
    traces: Traces
    folder: Path
    stop: Event
    now: Callable[[], datetime]

    def begin(self, row: Row) -> None:
        """Mark the row before anything is sent, so that a crash leaves word."""
        row.state, row.reason, row.etag = State.UPLOADING, "", ""
        row.time = self.now().isoformat(timespec="seconds")

    def upload(self, row: Row) -> None:
        """Upload the file, and say in ``row`` what became of it; where nobody knows, it stays ``uploading``.

        Raises:
            Problem: storage is out of reach or refuses us; the other files would fare no better.
        """
        lost: list[AzureError] = []
        try:
            with (self.folder / row.file).open("rb") as file:
                self._upload(row, file, lost)
        except OSError as error:
            row.state = State.UPLOADING if lost else State.FAILED
            row.reason = _unreadable(error, is_begun=bool(lost))

    def find(self, row: Row) -> bool:
        """Look for an upload that was begun earlier, and say in ``row`` where it is; False if it never arrived.

        It is known by its bytes, so where the file cannot be read, it stays ``uploading``.
        """
        row.reason = ""
        try:
            with (self.folder / row.file).open("rb") as file:
                return self._is_there(row, _md5(file), file)
        except OSError as error:
            row.reason = _unreadable(error, is_begun=True)
            return True

    def _upload(self, row: Row, file: BufferedReader, lost: list[AzureError]) -> None:
        """Try until it is known what became of it; ``lost`` gets the errors after which nobody knows."""
        size, md5 = file.seek(0, 2), _md5(file)
        for attempt in range(ATTEMPTS):
            file.seek(0)
            try:
                answer = self._put(row, file, size, md5)
            except ResourceExistsError:
                if self._is_there(row, md5, file):
                    return
                row.state, row.reason = State.FAILED, _NAME_TAKEN
                return
            except AzureError as error:
                if not may_pass(error):
                    row.state, row.reason = State.PLANNED, ""  # refused, so nothing has happened
                    raise problem_of(error) from error
                lost.append(error)
                if self.stop.wait(FIRST_WAIT * 2**attempt) or self._is_there(row, md5, file):
                    return
            else:
                row.state, row.reason, row.etag = State.UPLOADED, "", answer[0]
                row.time = answer[1].isoformat()
                return
        raise Problem(f"Storage does not answer: {code_of(lost[-1]) or lost[-1]}", ExitCode.UNREACHABLE) from lost[-1]

    def _put(self, row: Row, file: BufferedReader, size: int, md5: bytes) -> tuple[str, datetime]:
        """Write the blob if there is none; the SDK must not repeat what may have taken effect."""
        blob = self._blob(row)
        content_type = mimetypes.guess_type(row.file)[0] or "application/octet-stream"
        settings = ContentSettings(content_type=content_type, content_md5=bytearray(md5))
        if size <= _ONE_PUT:
            answer = blob.upload_blob(
                file.read(), overwrite=False, content_settings=settings, retry_total=0, max_concurrency=1
            )
        else:
            blocks = self._stage(blob, file)
            answer = blob.commit_block_list(
                blocks, content_settings=settings, match_condition=MatchConditions.IfMissing, retry_total=0
            )
        return unquoted_etag(str(answer["etag"])), answer["last_modified"]

    def _stage(self, blob: BlobClient, file: BufferedReader) -> list[BlobBlock]:
        """Send the blocks of a large file; until they are committed there is no blob."""
        blocks = []
        while content := file.read(_ONE_PUT):
            block = BlobBlock(uuid4().hex)
            blob.stage_block(block.id, content)
            blocks.append(block)
        return blocks

    def _is_there(self, row: Row, md5: bytes, file: BufferedReader) -> bool:
        sha256 = _sha256(file)
        return patiently(lambda: self._find(row, md5, sha256), self.stop)

    def _find(self, row: Row, md5: bytes, sha256: str) -> bool:
        """Look in incoming, then where the app would have moved it: it copies before it deletes."""
        since = datetime.fromisoformat(row.time) - _ROUNDED
        try:
            properties = self._blob(row).get_blob_properties()
        except HttpResponseError as error:
            if code_of(error) != "BlobNotFound":
                raise
            found = self.traces.search(row, sha256, since)
            if found:
                row.state, row.reason = found
            return found is not None
        if bytes(properties.content_settings.content_md5 or b"") != md5:
            return False
        row.state, row.reason = State.UPLOADED, ""
        row.etag, row.time = unquoted_etag(str(properties.etag)), properties.last_modified.isoformat()
        return True

    def _blob(self, row: Row) -> BlobClient:
        return self.blobs.get_blob_client(INCOMING, row.blob)


def storage_clock(blobs: BlobServiceClient, stop: Event) -> Callable[[], datetime]:
    """Return a clock that shows storage's time, by one answer and the time since then.

    Raises:
        Transient, AzureError: storage is out of reach or refuses us.
    """

    def asked() -> datetime:
        dates: list[str] = []
        container = blobs.get_container_client(INCOMING)
        next(container.list_blobs(results_per_page=1, raw_response_hook=keep_date(dates)).by_page(), None)
        return time_of(dates)

    then, start = patiently(asked, stop), time.monotonic()
    return lambda: then + timedelta(seconds=time.monotonic() - start)


def _unreadable(error: OSError, *, is_begun: bool) -> str:
    cause = f"cannot be read: {error.strerror or error}"
    return f"{cause}, so nobody can tell whether it arrived: bring the file back, and resume" if is_begun else cause


def _md5(file: BufferedReader) -> bytes:
    file.seek(0)
    return hashlib.file_digest(file, "md5").digest()


def _sha256(file: BufferedReader) -> str:
    file.seek(0)
    return hashlib.file_digest(file, "sha256").hexdigest()


_NAME_TAKEN = "another file of this name waits in product-images: let it be taken up, then run --resume with --failed"
