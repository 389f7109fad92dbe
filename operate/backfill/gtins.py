"""Reads GTINs in GS1's way: check digit, and the same number at any of its lengths. Pure."""

import re

LENGTHS = (8, 12, 13, 14)
_SEPARATORS = re.compile(r"[ -]")


def forms(text: str) -> list[str]:
    """Return how BC may spell the GTIN ``text``; none if it has not the form of one.

    A GTIN is the same with fewer or more leading zeros. Without a right check digit only the spelling itself counts.
    """
    digits = _SEPARATORS.sub("", text)
    if not digits.isascii() or not digits.isdigit() or len(digits) not in LENGTHS:
        return []
    if not has_check_digit(digits):
        return [digits] if digits == text else []
    core = digits.lstrip("0")
    return list(dict.fromkeys([digits, *(core.zfill(length) for length in LENGTHS if length >= len(core))]))


def has_check_digit(digits: str) -> bool:
    """Whether the last digit is the one that the others ask for (GS1 General Specifications, 7.9.1)."""
    weighted = sum(int(digit) * (3 if place % 2 else 1) for place, digit in enumerate(reversed(digits)))
    return weighted % 10 == 0
