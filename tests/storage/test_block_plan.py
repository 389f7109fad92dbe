"""The blocks of an upload cover it exactly, stay within Azure's limits, and belong to no other upload."""

from hypothesis import given
from hypothesis import strategies as st

from shared.storage.block_copies import BLOCK_BYTES, Block, plan

MIB = 1024 * 1024
THREE_BLOCKS = 2 * BLOCK_BYTES + 12_345
LARGEST = 50_000 * 4000 * MIB  # Azure's limits: blocks of a blob, size of a block


@given(st.one_of(st.integers(0, LARGEST), st.integers(0, 5).map(lambda n: n * BLOCK_BYTES)))
def test_blocks_cover_the_file_within_azures_limits(size: int) -> None:
    blocks = plan("a.jpg", '"0x8D"', size)
    assert len(blocks) <= 50_000
    ends = [0, *(block.offset + block.length for block in blocks)]
    assert [block.offset for block in blocks] == ends[:-1]
    assert ends[-1] == size
    assert all(0 < block.length <= 4000 * MIB for block in blocks)
    assert len({block.id for block in blocks}) == len(blocks)
    assert len({len(block.id) for block in blocks}) <= 1, "storage requires ids of equal length"
    assert all(len(block.id) <= 64 for block in blocks)


def test_different_uploads_never_share_a_block() -> None:
    def ids(blocks: list[Block]) -> set[str]:
        return {block.id for block in blocks}

    film = ids(plan("a.jpg", '"0x8D"', THREE_BLOCKS))
    assert film == ids(plan("a.jpg", "0x8D", THREE_BLOCKS))
    assert film.isdisjoint(ids(plan("a.jpg", '"0x8E"', THREE_BLOCKS)))
    assert film.isdisjoint(ids(plan("b.jpg", '"0x8D"', THREE_BLOCKS)))
