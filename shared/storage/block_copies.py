"""Copies block by block, for uploads that the service does not copy in one step; an interrupted one is gone on with.

A block's id stands for the upload and for the place in it. What an earlier delivery has staged under that id is not
sent again, so that a file which takes longer than one delivery arrives in the end. Storage keeps such blocks for a week.
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
# Twice as much is in memory at once where the service refuses to read the source itself.
BLOCK_BYTES = 32 * 1024 * 1024

# What the service does not read by itself: some kinds of blob, sources that it is not shown to be allowed, and names
# whose address is longer than 2 KiB in the request's header.
ADDRESS_MAX = 2 * 1024
CANNOT_COPY = ("CannotVerifyCopySource", "InvalidBlobType", "InvalidHeaderValue", "InvalidInput")
_NOT_IMPLEMENTED = 501  # some emulators


@dataclass(frozen=True)
class Block:
    """A part of an upload, and the id under which it is staged."""

    id: str
    offset: int
    length: int


def plan(name: str, etag: str, size: int) -> list[Block]:
    """Return the blocks of an upload: the same ones at every delivery, and for no other upload."""
    step = max(BLOCK_BYTES, -(-size // BLOCKS_MAX))
    stands_for = fingerprint(name, etag)
    return [Block(f"{stands_for}-{offset:015d}", offset, min(step, size - offset)) for offset in range(0, size, step)]


@dataclass
class BlockCopy:
    """One copy of ``source``, which must still have ``etag``, to ``target``, which must not be there.

    ``authorization`` returns what shows the service that it may read the source; ``in_time`` whether this delivery may
    go on.
    """

    source: BlobClient
    etag: str
    target: BlobClient
    authorization: Callable[[], str | None]
    in_time: Callable[[], bool]

    def __post_init__(self) -> None:
        self._by_service = len(self.source.url) <= ADDRESS_MAX  # until it refuses

    def run(self, blocks: list[Block], metadata: Mapping[str, str], content_settings: ContentSettings) -> None:
        """Stage what is not staged yet, and make the target of it.

        Raises:
            Transient: time was up, or storage does not hold what was sent; nothing is lost of what is staged.
            HttpResponseError: as storage answered; the target is there already, or the source has changed, or else.
        """
        missing = self._missing(blocks)
        for block in missing:
            if not self.in_time():
                raise _to_be_continued(self.source, blocks, self._missing(blocks))
            self._stage(block)
        if missing and (still := self._missing(blocks)):
            raise _to_be_continued(self.source, blocks, still)
        self.target.commit_block_list(
            [BlobBlock(block.id) for block in blocks],
            metadata=dict(metadata),
            content_settings=content_settings,
            match_condition=MatchConditions.IfMissing,
        )

    def _missing(self, blocks: list[Block]) -> list[Block]:
        """Return the blocks that storage does not hold in their full length."""
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
        f"The move of {source.blob_name!r} is under way: {done} are copied, and the next delivery goes on from there.",
    )
