"""Stub."""


def coated_paper_profile() -> bytes:
    return b""
