"""Reads ``host.json`` as the real host does, with its defaults."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MOST_IN_A_BATCH = 32  # what one request to Queue Storage can return


@dataclass(frozen=True)
class Batches:
    """How messages are taken: ``size`` at once, again when ``threshold`` are left, each up to ``deliveries`` times."""

    size: int
    threshold: int
    deliveries: int


@dataclass(frozen=True)
class HostSettings:
    """The settings that this stand-in obeys; ``timeout`` is in seconds, None without a limit."""

    blobs: Batches
    queues: Batches
    timeout: float | None
    has_telemetry: bool

    @classmethod
    def read(cls, path: Path) -> "HostSettings":
        """Return the settings in ``path``."""
        settings = json.loads(path.read_text(encoding="utf-8"))
        extensions = settings.get("extensions", {})
        mode = settings.get("telemetryMode")  # at the root; elsewhere the real host overlooks it
        blobs, queues = extensions.get("blobs", {}), extensions.get("queues", {})
        return cls(
            _of_blobs(blobs),
            _of_queues(queues),
            _seconds(settings.get("functionTimeout", "00:30:00")),
            mode == "OpenTelemetry",
        )


def _of_blobs(settings: dict[str, Any]) -> Batches:
    """Split the concurrency between batch and threshold (SharedBlobQueueListenerFactory in azure-sdk-for-net)."""
    concurrency = settings.get("maxDegreeOfParallelism", 8 * (os.cpu_count() or 1))
    size = min(MOST_IN_A_BATCH, concurrency // 2 + 1)
    return Batches(size, concurrency - size, settings.get("poisonBlobThreshold", 5))


def _of_queues(settings: dict[str, Any]) -> Batches:
    size = settings.get("batchSize", 16)
    return Batches(size, settings.get("newBatchThreshold", size // 2), settings.get("maxDequeueCount", 5))


def _seconds(time_span: str) -> float | None:
    """Return the seconds of a .NET time span, ``hh:mm:ss``; -1 is unlimited."""
    if time_span == "-1":
        return None
    hours, minutes, seconds = time_span.split(":")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
