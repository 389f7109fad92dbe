"""Reads single settings: parses and checks each value, and collects the problems. Pure."""

import ipaddress
import re
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import TypeVar
from urllib.parse import urlsplit

from shared.paths import guid_of
from shared.redaction import redacted, redacted_quotes

_T = TypeVar("_T")


class Reader:
    """Reads settings one by one and collects problems instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def text(self, name: str) -> str | None:
        """Return a setting without surrounding blanks, None if it is missing or empty."""
        return self._environ.get(name, "").strip() or None

    def is_empty_storage(self, name: str) -> bool:
        """Whether a storage setting is present but empty."""
        return name.startswith("PICTURE_STORAGE") and name in self._environ and not self.text(name)

    def parsed(self, name: str, default: str, parse: Callable[[str], _T]) -> _T:
        """Return what ``parse`` makes of a setting; a ValueError becomes a problem and the default counts."""
        value = self.text(name) or default
        try:
            return parse(value)
        except ValueError as error:
            shown = redacted(value)
            # The explanation may quote the value.
            explanation = str(error) if shown == value else redacted_quotes(str(error))
            self.problems.append(f"{name}: found {shown!r}; {explanation}")
            return parse(default)

    def number(self, name: str, default: int, lowest: int, highest: int) -> int:
        """Return a whole number between two bounds."""

        def parse(value: str) -> int:
            if not re.fullmatch(r"[0-9]{1,12}", value) or not lowest <= int(value) <= highest:
                raise ValueError(f"expected a whole number from {lowest} to {highest}")
            return int(value)

        return self.parsed(name, str(default), parse)

    def guid(self, name: str) -> str | None:
        """Return a lower-case GUID, None if the setting is missing."""
        value = self.text(name)
        if value and not guid_of(value):
            self.problems.append(f"{name}: found {redacted(value)!r}; expected a GUID")
        return value and guid_of(value)

    def check_url(self, name: str, url: str) -> None:
        """Insist on https, except for this machine: bearer tokens travel to ``url``."""
        if not _is_safe(url):
            expected = "a URL that begins with https:// and contains no secret"
            self.problems.append(f"{name}: found {redacted(url)!r}; expected {expected}")


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:  # brackets without an IPv6 address, or a bad port
        return False
    # urllib3 and urlsplit see different hosts behind a backslash; a query or a user name may be a secret.
    if not host or re.search(r"[\\\s]", url) or "@" in parts.netloc or parts.query or parts.fragment:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def one_of(allowed: tuple[str, ...]) -> Callable[[str], str]:
    """Return a parser that accepts these words, in any case."""

    def parse(text: str) -> str:
        for value in allowed:
            if text.lower() == value.lower():
                return value
        raise ValueError(f"expected {' or '.join(allowed)}")

    return parse


def colour(text: str) -> tuple[int, int, int]:
    """Parse a colour like #FFFFFF into red, green and blue."""
    if not re.fullmatch(r"#[0-9A-Fa-f]{6}", text):
        raise ValueError("expected a colour like #FFFFFF")
    red, green, blue = bytes.fromhex(text[1:])
    return red, green, blue


_DURATION = re.compile(
    r"P(?:(\d{1,4})W)?(?:(\d{1,4})D)?(?:T(?=\d)(?:(\d{1,4})H)?(?:(\d{1,5})M)?(?:(\d{1,6})S)?)?", re.ASCII
)


def duration(text: str) -> timedelta:
    """Parse an ISO 8601 duration; refuses months and years, whose length varies."""
    match = _DURATION.fullmatch(text.upper())
    if not match or not any(match.groups()):
        raise ValueError("expected a duration like P7D, PT12H or PT30M")
    weeks, days, hours, minutes, seconds = (int(group or 0) for group in match.groups())
    return timedelta(weeks=weeks, days=days, hours=hours, minutes=minutes, seconds=seconds)


_FIELD = r"(?:\*|[0-9A-Za-z]+(?:-[0-9A-Za-z]+)?)(?:/[0-9]+)?"
_SCHEDULE = re.compile(rf"{_FIELD}(?:,{_FIELD})*(?: +{_FIELD}(?:,{_FIELD})*){{5}}", re.ASCII)


def schedule(text: str) -> str:
    """Check the form of an NCRONTAB expression; the host checks its numbers."""
    if not _SCHEDULE.fullmatch(text):
        raise ValueError("expected six fields, seconds first, like 0 */5 * * * *")
    return text
