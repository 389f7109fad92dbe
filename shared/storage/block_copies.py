"""Copies block by block what the service cannot copy in one step; interrupted copies resume.

A block's id stands for the upload and the offset. What an earlier delivery staged under that id is not sent again, so a
file that takes longer than one delivery still arrives. Storage keeps staged blocks for a week.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from azure.core import MatchConditions
from azure.core.exceptions import HttpResponseError
from azure.storage.blob import BlobBlock, BlobClient, ContentSettings

from shared.errors import Reason, Transient
from shared.storage.errors import code_of
from shared.storage.names import fingerprint

# The service's limits: 50,000 blocks a blob, 4,000 MiB a block ("Put Block From URL", since version 2019-12-12).
BLOCKS_MAX = 50_000
# If the service refuses to read the source itself, twice as much is in memory at once.
BLOCK_BYTES = 32 * 1024 * 1024

# What the service refuses to read by itself: some kinds of blob, sources without proof of access, and names whose
# address in the request's header is longer than 2 KiB.
ADDRESS_MAX = 2 * 1024
CANNOT_COPY = ("CannotVerifyCopySource", "InvalidBlobType", "InvalidHeaderValue", "InvalidInput")
_NOT_IMPLEMENTED = 501  # some emulators


@dataclass(frozen=True)
class Block:
    """Describes a part of an upload and the id that it is staged under."""

    id: str
    offset: int
    length: int


def plan(name: str, etag: str, size: int) -> list[Block]:
    """Return the blocks of an upload, with the same ids at every delivery and for no other upload."""
    step = max(BLOCK_BYTES, -(-size // BLOCKS_MAX))
    stands_for = fingerprint(name, etag)
    return [Block(f"{stands_for}-{offset:015d}", offset, min(step, size - offset)) for offset in range(0, size, step)]


@dataclass
class BlockCopy:
    """Copies ``source``, which must still have ``etag``, to ``target``, which must not exist.

    ``authorization`` returns what lets the service read the source; ``in_time`` whether this delivery may continue.
    """

    source: BlobClient
    etag: str
    target: BlobClient
    authorization: Callable[[], str | None]
    in_time: Callable[[], bool]

    def __post_init__(self) -> None:
        self._by_service = len(self.source.url) <= ADDRESS_MAX  # until it refuses

    def run(self, blocks: list[Block], metadata: Mapping[str, str], content_settings: ContentSettings) -> None:
        """Stage the blocks that are missing, then commit them all.

        Raises:
            Transient: time ran out, or storage lost a block; staged blocks stay for the next delivery.
            HttpResponseError: the target exists, the source has changed, or storage failed otherwise.
        """
        missing = self._missing(blocks)
        for block in missing:
            if not self.in_time():
                raise _to_be_continued(self.source, blocks, self._missing(blocks))
            self._stage(block)
        if missing and (missing_still := self._missing(blocks)):
            raise _to_be_continued(self.source, blocks, missing_still)
        self.target.commit_block_list(
            [BlobBlock(block.id) for block in blocks],
            metadata=dict(metadata),
            content_settings=content_settings,
            match_condition=MatchConditions.IfMissing,
        )

    def _missing(self, blocks: list[Block]) -> list[Block]:
        """Return the blocks that storage does not hold in full length."""
        try:
            _, staged = self.target.get_block_list("uncommitted")
        except HttpResponseError as error:
            if code_of(error) != "BlobNotFound":
                raise
            staged = []
        lengths = {block.id: block.size for block in staged}
        return [block for block in blocks if lengths.get(block.id) != block.length]

    def _stage(self, block: Block) -> None:
        if self._by_service:
            try:
                self._stage_by_service(block)
            except HttpResponseError as error:
                if code_of(error) not in CANNOT_COPY and error.status_code != _NOT_IMPLEMENTED:
                    raise
                self._by_service = False
            else:
                return
        self.target.stage_block(block.id, self._read(block), length=block.length, validate_content=True)

    def _stage_by_service(self, block: Block) -> None:
        self.target.stage_block_from_url(
            block.id,
            self.source.url,
            source_offset=block.offset,
            source_length=block.length,
            source_authorization=self.authorization(),
            headers={"x-ms-source-if-match": self.etag},  # the SDK has no argument for it
        )

    def _read(self, block: Block) -> bytes:
        return self.source.download_blob(
            offset=block.offset,
            length=block.length,
            etag=self.etag,
            match_condition=MatchConditions.IfNotModified,
        ).readall()


def _to_be_continued(source: BlobClient, blocks: list[Block], missing: list[Block]) -> Transient:
    done = f"{len(blocks) - len(missing)} of {len(blocks)} blocks"
    return Transient(
        Reason.STORAGE,
        f"Moving {source.blob_name!r} takes longer than one delivery: {done} are copied; the next delivery resumes.",
    )
