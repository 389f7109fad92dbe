"""Shares a process that renders the files of a test module."""

from collections.abc import Iterator

import pytest

from tests.support.render_process import Worker


@pytest.fixture(scope="module")
def worker() -> Iterator[Worker]:
    with Worker() as process:
        yield process
