"""Programs of the stack start without any of the caller's app settings."""

import pytest

from devstack.machine.children import clean_environment
from shared.config import SETTINGS


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("spelling", [str, str.upper, str.lower], ids=["as written", "upper", "lower"])
def test_no_setting_of_the_caller_reaches_the_stack(
    setting: str, spelling: type[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(spelling(setting), "the caller's")
    assert "the caller's" not in clean_environment({}).values()
    assert clean_environment({setting: "the stack's"})[setting] == "the stack's"
