"""Provides the operator of the local stack."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from devstack.stack import Stack
from tests.operate.command import Operator, operator_of
from tests.support.local_stack import LocalStack


@pytest.fixture
def operator(local: LocalStack, running_stack: Stack, tmp_path: Path) -> Iterator[Operator]:
    """Provide the operator of a stack without hosts: nothing takes uploads up unless a test does."""
    assert local.stack is running_stack
    with operator_of(running_stack, tmp_path) as operator:
        yield operator
