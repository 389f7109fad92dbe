"""Names the queues between Event Grid, host and app, and writes and reads their messages. Pure."""

import json
from base64 import b64decode, b64encode
from binascii import Error

BLOB_QUEUE = "azure-webjobs-blobtrigger-local"  # in the host's account; "local" is the host's id
POISON_QUEUE = "webjobs-blobtrigger-poison"  # in the trigger's account
HOSTS_CONTAINER = "azure-webjobs-hosts"  # in the host's account
TRIGGER_FUNCTION = "item_picture_uploaded"


def function_id(function: str) -> str:
    """Return the id by which messages name a function."""
    return f"Host.Functions.{function}"


def blob_message(function: str, container: str, blob: str, etag: str) -> str:
    """Return the message about one blob; as a poison message it stays as it is."""
    message = {
        "Type": "BlobTrigger",
        "FunctionId": function_id(function),
        "BlobType": "BlockBlob",
        "ContainerName": container,
        "BlobName": blob,
        "ETag": f'"{etag.strip(chr(34))}"',
    }
    return json.dumps(message, indent=2)


def encoded(text: str) -> str:
    """Return ``text`` as Functions puts it into a queue."""
    return b64encode(text.encode()).decode()


def decoded(content: str) -> str:
    """Return the text of a message; one that is not base64 is taken as it is."""
    try:
        return b64decode(content, validate=True).decode()
    except (Error, UnicodeDecodeError):
        return content
