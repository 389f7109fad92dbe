"""Lists what the simulator does without knowing what Business Central does: README.md's rows graded UNK. Pure."""

from enum import StrEnum


class Assumption(StrEnum):
    """Repeats one row of README.md each; an answer names those it rests on in its header ``x-simulator-assumed``."""

    BYTES = "the content comes back byte for byte, as application/octet-stream"
    LINKS = "links begin with the request's own origin"
    CONTENT_TYPE = "contentType is image/png, image/gif, image/bmp or image/tiff after an upload in that format"
    NOT_A_PICTURE = "a body that is empty or not a picture: 400 Application_DialogException"
    HEADER_ONLY = "only a picture's header is checked: a truncated picture is accepted"
    UNKNOWN_ITEM = "reading, deleting from or inserting into an unknown item: 404 BadRequest_ResourceNotFound"
    TOKEN_FIRST = "PATCH picture checks If-Match before the properties"  # noqa: S105 - a concurrency token
    TOO_LARGE = "the error envelope of a 413"
    COMPANY_MESSAGE = "the message about an unknown company"
    SKIP_TOKEN = "the form of $skiptoken"  # noqa: S105 - a place in a collection
    UNSUPPORTED = "a query option that the simulator does not support: 400 BadRequest"
    ENVIRONMENT = "an unknown environment: 404 NoEnvironment"
    PERMISSION_STATUS = "the status of a denied permission: 400"
    THROTTLED = "the message of a 429, and that refused requests do not count"
    TIMED_OUT = "the envelopes of 408, 503 and 504, and the value of Retry-After"
    COLLECTION_WRITE = "API v1.0: PATCH and DELETE of the picture collection: 405"
    FOREIGN_PICTURE = "API v1.0: a picture id other than the item's: 404 BadRequest_ResourceNotFound"
    METADATA = "$metadata beyond names, types and multiplicities"
    SERVICE_DOCUMENT = "the entity sets in the service document"
