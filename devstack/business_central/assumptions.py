"""What the simulator does without knowing what Business Central does: README.md's rows graded UNK. Pure."""

from enum import StrEnum


class Assumption(StrEnum):
    """One row of README.md each; an answer that rests on one says so in its header ``x-simulator-assumed``."""

    BYTES = "the bytes come back as they were sent, as application/octet-stream"
    LINKS = "the form of the links: on the request's own origin"
    CONTENT_TYPE = "contentType is image/png, image/gif, image/bmp, image/tiff after the others"
    NOT_A_PICTURE = "a body that is no picture, or empty: 400 Application_DialogException"
    HEADER_ONLY = "a picture is judged by its header alone: one that is cut off later is accepted"
    UNKNOWN_ITEM = "reading, deleting, inserting at an unknown item: 404 BadRequest_ResourceNotFound"
    TOKEN_FIRST = "PATCH picture checks If-Match before the properties"  # noqa: S105 - a concurrency token
    TOO_LARGE = "the envelope of that 413"
    COMPANY_MESSAGE = "the message of that 404"
    SKIP_TOKEN = "the form of $skiptoken"  # noqa: S105 - a place in a collection
    UNSUPPORTED = "a query option that the simulator does not know: 400 BadRequest"
    ENVIRONMENT = "an unknown environment: 404 NoEnvironment"
    PERMISSION_STATUS = "the status of a denied permission: 400"
    THROTTLED = "the message of that 429, and that a refused request does not count"
    TIMED_OUT = "the envelopes of 408, 503 and 504, and the value of Retry-After"
    COLLECTION_WRITE = "API v1.0: PATCH and DELETE of the collection picture: 405"
    FOREIGN_PICTURE = "API v1.0: a picture id other than the item's: 404 BadRequest_ResourceNotFound"
    METADATA = "what $metadata says beyond names, types and multiplicities"
    SERVICE_DOCUMENT = "which entity sets the service document names"
