"""Names a request to BC or storage in a few words, so that calls of one kind can be counted together. Pure."""

from collections.abc import Container
from urllib.parse import parse_qs, urlsplit

from shared.storage.names import ARCHIVE, INCOMING, QUARANTINE, RECORDS

WRITE_PICTURE = "write picture"
BC_READS = {
    "companies": "read companies",
    "items": "find items",
    "pictureContent": "read picture",
    "content": "read picture",
}
_CONTAINERS = {INCOMING: "upload", ARCHIVE: "archive", QUARANTINE: "quarantine", RECORDS: "record"}
_BY_METHOD = {"GET": "read", "HEAD": "look at", "PUT": "write", "DELETE": "delete"}
_BY_PARAMETER = {"lease": "lease", "metadata": "mark"}
_COPY, _LIST = "copy to", "list"


def storage_calls() -> set[str]:
    """Return the names that requests to storage have, but for methods that the app does not use."""
    verbs = (*_BY_METHOD.values(), *_BY_PARAMETER.values(), _COPY)
    lists = {f"{_LIST} {container}" for container in _CONTAINERS}
    return lists | {f"{verb} {noun}" for verb in verbs for noun in _CONTAINERS.values()}


def call_name(method: str, url: str, headers: Container[str]) -> str | None:
    """Return what a request does, like ``write picture`` or ``read upload``; None if it goes elsewhere."""
    parts = urlsplit(url)
    segments = parts.path.strip("/").split("/")
    if "client-request-id" in headers:  # only our requests to BC have it
        return WRITE_PICTURE if method == "PATCH" else BC_READS.get(segments[-1])
    container = next((segment for segment in segments[:2] if segment in _CONTAINERS), None)
    if "x-ms-version" not in headers or container is None:
        return None
    parameter = parse_qs(parts.query).get("comp", [""])[0]
    if parameter == "list":
        return f"{_LIST} {container}"
    verb = _BY_PARAMETER.get(parameter) or _BY_METHOD.get(method, method.lower())
    if method == "PUT" and "x-ms-copy-source" in headers:
        verb = _COPY
    return f"{verb} {_CONTAINERS[container]}"
