"""Provides the operator's command for the local stack."""

from pathlib import Path

import pytest

from tests.support.local_stack import LocalStack
from tests.support.operator_command import Operator, write_config


@pytest.fixture
def operator(
    local: LocalStack, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Operator:
    """Return the command, as whoever operates the empty local stack runs it."""
    return Operator(write_config(local.stack, tmp_path), capsys, monkeypatch)
