"""Hides what may be a secret in a value that a message shows, or in a foreign message. Pure."""

import re

_LONGEST = 120  # characters of a value that help to recognise it

_NAMES = (
    r"password|passwd|secret|token|bearer|(?:api|account|shared|access)key|(?<![a-z])(?:pwd|key|sig|signature|basic)"
)
# What follows these is hidden. Percent-encoded separators count: a client may send them decoded.
_BEFORE_SECRETS = (
    (r"\A((?:[a-z][a-z0-9+.-]*:)?//)?.*(?:@|%40)", r"\1…@"),  # user:password@
    (r"(\?|%3f).*", r"\1…"),  # a query: subscription-key, sig, code
    (r"(?<=.)#.*", "#…"),
    (r"(=|%3d)[^;&]*", r"\1…"),  # a connection string
    (r"(:|%3a)(?!//|[0-9]{1,5}(?:[/?#]|\Z))[^;&,/]*", r"\1…"),  # name:password, but neither :// nor a port
    (rf"({_NAMES})(?:\s|%20).*", r"\1 …"),
)
_PATTERNS = tuple((re.compile(pattern, re.IGNORECASE | re.DOTALL), shown) for pattern, shown in _BEFORE_SECRETS)
_PART_OF_ADDRESS, _WORD = re.compile(r"[^\s/.;,{}|\\'\"()]{16,}"), re.compile(r"[^\s;,{}|\\'\"()]{16,}")
_GUID_LIKE = re.compile(r"[0-9a-f]+(?:-[0-9a-f]+){3,}", re.IGNORECASE)
_ACCOUNT_NAME = re.compile(r"[a-z0-9]{3,24}")
_QUERY = re.compile(r"\?\S+")
_QUOTED = re.compile(r"'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\"|\{[^{}]*\}", re.DOTALL)


def redacted(value: str) -> str:
    """Return ``value`` with an ellipsis for each part that may be a password, a key or a token."""
    for pattern, shown in _PATTERNS:
        value = pattern.sub(shown, value)
    is_address = "://" in value or "{" in value
    value = (_PART_OF_ADDRESS if is_address else _WORD).sub(_unless_random, value)
    return value if len(value) <= _LONGEST else f"{value[:_LONGEST]}…"


def redacted_quotes(text: str) -> str:
    """Return a sentence with each of its quotations, and each token in braces, redacted."""
    return _QUOTED.sub(lambda quotation: redacted(quotation[0]), text)


def without_queries(text: str) -> str:
    """Return a foreign message with an ellipsis for the query of each address in it: it may have a signature."""
    return _QUERY.sub("?…", text)


def _unless_random(word: re.Match[str]) -> str:
    text = word[0]
    if _GUID_LIKE.fullmatch(text) or _ACCOUNT_NAME.fullmatch(text):
        return text
    is_mixed = re.search(r"[0-9]", text) and re.search(r"[A-Za-z]", text)
    return "…" if is_mixed or len(text) > 40 else text  # noqa: PLR2004 - longer than any word
