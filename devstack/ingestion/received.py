"""Keeps what came in to the endpoint, the newest of it, in bounded memory."""

import json
from collections import deque
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from threading import Lock

from devstack.ingestion.rows import Row, row_of

MOST_ROWS = 20_000  # those of more than a thousand pictures, some 60 MB
MOST_CHARACTERS = 32_000_000


class Received:
    """Keeps rows, and the texts that they came in. The oldest go first; in the file ``copy`` each text is a line."""

    def __init__(
        self, most_rows: int = MOST_ROWS, most_characters: int = MOST_CHARACTERS, copy: Path | None = None
    ) -> None:
        self.status = 200
        self._copy = copy
        self._lock, self._most_characters = Lock(), most_characters
        self._rows: deque[Row] = deque(maxlen=most_rows)
        self._bodies: deque[str] = deque()
        self._count = self._characters = 0

    def take(self, envelopes: Iterable[dict[str, object]]) -> None:
        """Keep envelopes as rows."""
        with self._lock:
            for envelope in envelopes:
                self._put(row_of(envelope, self._count))

    def put(self, rows: Iterable[Row]) -> None:
        """Keep rows."""
        with self._lock:
            for row in rows:
                self._put(row)

    def _put(self, row: Row) -> None:
        self._rows.append(row)
        self._count += 1

    def keep(self, body: str) -> None:
        """Keep a text."""
        with self._lock:
            self._bodies.append(body)
            self._characters += len(body)
            while self._characters > self._most_characters:
                self._characters -= len(self._bodies.popleft())
            if self._copy:
                with self._copy.open("a", encoding="utf-8") as file:
                    file.write(json.dumps(body) + "\n")

    def since(self, number: int) -> tuple[list[Row], int]:
        """Return the rows that came after the first ``number``, and how many have come in all."""
        with self._lock:
            new = min(self._count - number, len(self._rows))
            return list(islice(self._rows, len(self._rows) - new, None)), self._count

    @property
    def count(self) -> int:
        """How many rows have come in all; it changes with every change of the rows."""
        return self._count

    def __len__(self) -> int:
        return len(self._rows)

    def forget(self) -> None:
        """Forget all rows."""
        with self._lock:
            self._rows.clear()
            self._count += 1  # whoever follows the rows has something to learn

    def all_bodies(self) -> list[str]:
        """Return the texts."""
        with self._lock:
            return list(self._bodies)
