"""Takes messages from one queue in batches, and settles each: done, released, or put into the poison queue.

The loop is that of the WebJobs SDK's QueueListener: no new batch before the calls that run have fallen to the
threshold. Messages in flight stay invisible, which is renewed at half time; those of a killed host come back when
their time is over.
"""

import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from threading import Condition
from typing import Protocol

from azure.core.exceptions import AzureError, ResourceExistsError, ResourceNotFoundError
from azure.storage.queue import QueueClient, QueueMessage

from devstack.functions_host import queues
from devstack.functions_host.host_json import Batches
from devstack.functions_host.worker_process import CallFailedError

SHORTEST_PAUSE, LONGEST_PAUSE = 0.1, 0.8
_log = logging.getLogger("devstack.functions_host")


@dataclass(frozen=True)
class Message:
    """One delivery of a message; ``renew`` keeps it invisible, and is due every ``renewal`` seconds."""

    id: str
    text: str
    dequeue_count: int
    renew: Callable[[], None]
    renewal: float


class Handler(Protocol):
    """What becomes of a queue's messages."""

    def deliver(self, message: Message) -> None:
        """Call the function; raise ``CallFailedError`` if it fails."""

    def give_up(self, message: Message) -> None:
        """Learn that ``message`` is now in the poison queue."""


class QueueListener:
    """Listens to one queue, for ever."""

    def __init__(
        self, queue: QueueClient, poison: QueueClient, batches: Batches, handler: Handler, visibility: float
    ) -> None:
        self._queue, self._poison, self._batches = queue, poison, batches
        self._handler, self._visibility = handler, max(1, round(visibility))
        self._running, self._changed = 0, Condition()
        self._threads = ThreadPoolExecutor(batches.size + batches.threshold, thread_name_prefix=queue.queue_name)

    def run(self) -> None:
        """Take and deliver messages until the process ends."""
        pause = SHORTEST_PAUSE
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._running <= self._batches.threshold)
            messages = self._take()
            for message in messages:
                with self._changed:
                    self._running += 1
                self._threads.submit(self._process, message)
            if not messages:
                time.sleep(pause)
            pause = SHORTEST_PAUSE if messages else min(2 * pause, LONGEST_PAUSE)

    def _take(self) -> list[QueueMessage]:
        size = self._batches.size
        try:
            return list(
                self._queue.receive_messages(
                    messages_per_page=size, max_messages=size, visibility_timeout=self._visibility
                )
            )
        except ResourceNotFoundError:
            return []  # like the real host, wait in silence for the queue
        except AzureError:
            _log.exception("Could not take messages from %s", self._queue.queue_name)
            return []

    def _process(self, message: QueueMessage) -> None:
        try:
            self._settle(message)
        except AzureError:  # it becomes visible by itself, and is delivered again
            _log.exception("Could not settle a message of %s", self._queue.queue_name)
        finally:
            with self._changed:
                self._running -= 1
                self._changed.notify()

    def _settle(self, message: QueueMessage) -> None:
        def renew() -> None:
            try:
                updated = self._queue.update_message(message, visibility_timeout=self._visibility)
            except AzureError:
                _log.exception("Could not renew a message of %s", self._queue.queue_name)
            else:
                message.pop_receipt = updated.pop_receipt

        delivery = Message(
            message.id, queues.decoded(message.content), message.dequeue_count or 1, renew, self._visibility / 2
        )
        try:
            self._handler.deliver(delivery)
        except CallFailedError:
            if delivery.dequeue_count < self._batches.deliveries:
                self._queue.update_message(message, visibility_timeout=0)
                return
            self._put_into_poison_queue(message)
            self._handler.give_up(delivery)
        self._queue.delete_message(message)

    def _put_into_poison_queue(self, message: QueueMessage) -> None:
        try:
            self._poison.send_message(message.content)
        except ResourceNotFoundError:
            with suppress(ResourceExistsError):
                self._poison.create_queue()
            self._poison.send_message(message.content)
