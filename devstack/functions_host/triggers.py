"""Turns messages and times into calls of the app's functions: what each kind of trigger passes on."""

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from azure.core.exceptions import AzureError, ResourceNotFoundError
from azure.storage.blob import BlobServiceClient

from devstack.functions_host import events
from devstack.functions_host.queue_listener import Message
from devstack.functions_host.worker_process import CallFailedError
from devstack.functions_host.workers import Workers

_log = logging.getLogger("devstack.functions_host")


@dataclass(frozen=True)
class Function:
    """A function as the app declares it, with the settings in its binding resolved."""

    name: str
    kind: str
    binding: dict[str, str]


def enabled_functions(declared: list[dict[str, Any]], settings: Mapping[str, str]) -> list[Function]:
    """Return the functions that no setting disables.

    Raises:
        SystemExit: A binding names a setting that is missing.
    """

    def value(match: re.Match[str]) -> str:
        if match[1] not in settings:
            raise SystemExit(
                f"The binding's setting {match[1]} is missing; the real host would not start the function."
            )
        return settings[match[1]]

    functions = []
    for each in declared:
        binding = {key: re.sub("%([^%]+)%", value, text) for key, text in each["binding"].items()}
        if settings.get(f"AzureWebJobs.{each['name']}.Disabled", "").lower() not in ("true", "1"):
            functions.append(Function(each["name"], binding["type"], binding))
    return functions


class BlobTriggers:
    """Calls the functions that blobs trigger; all of them share one queue."""

    def __init__(self, functions: dict[str, tuple[Function, BlobServiceClient]], workers: Workers) -> None:
        self._functions, self._workers = functions, workers

    def deliver(self, message: Message) -> None:
        """Call the function that the message names, unless that function or the blob is gone."""
        facts = json.loads(message.text)
        function, service = self._functions.get(facts["FunctionId"], (None, None))
        if function is None or service is None:
            return
        blob = service.get_blob_client(facts["ContainerName"], facts["BlobName"])
        try:
            try:
                blob.get_blob_properties()
            except ResourceNotFoundError:
                return
            except AzureError as error:
                raise CallFailedError(str(error)) from error
            data = {
                "kind": function.kind,
                "connection": function.binding["connection"],
                "container": facts["ContainerName"],
                "blob": facts["BlobName"],
            }
            self._workers.call(function.name, data, meanwhile=message.renew, seconds=message.renewal)
        except CallFailedError as error:
            names = {"blob": facts["BlobName"], "etag": facts["ETag"]}
            events.emit(event="delivery_failed", **names, attempt=message.dequeue_count, error=str(error))
            raise

    def give_up(self, message: Message) -> None:
        """Say that all deliveries of a blob have failed."""
        facts = json.loads(message.text)
        names = {"blob": facts["BlobName"], "etag": facts["ETag"]}
        events.emit(event="poisoned", **names, attempts=message.dequeue_count)


class QueueTrigger:
    """Calls one function with the messages of its queue."""

    def __init__(self, function: Function, workers: Workers) -> None:
        self._function, self._workers = function, workers

    def deliver(self, message: Message) -> None:
        """Call the function with the message."""
        data = {"kind": self._function.kind, "id": message.id, "body": message.text}
        data_and_count: dict[str, Any] = {**data, "dequeue_count": message.dequeue_count}
        try:
            self._workers.call(self._function.name, data_and_count, meanwhile=message.renew, seconds=message.renewal)
        except CallFailedError as error:
            _log.error("%s failed: %s", self._function.name, error)
            raise

    def give_up(self, message: Message) -> None:
        """Say that all deliveries of a message have failed."""
        queue = self._function.binding["queueName"]
        line = f"{self._function.name} failed {message.dequeue_count} times; its message is in {queue}-poison now."
        events.emit(event="message_poisoned", line=line)
