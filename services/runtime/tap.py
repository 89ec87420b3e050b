"""What a read model folds, handed on to others, so that a process reads the log only once."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from services.runtime.recorded import Recorded

LIMIT = 4096

Tap = asyncio.Queue[Recorded | None]


class Taps:
    """None in a tap ends it: whoever holds it reads the log again from where it is."""

    def __init__(self) -> None:
        self._open: set[Tap] = set()

    @contextmanager
    def open(self) -> Iterator[Tap]:
        tap: Tap = asyncio.Queue()
        self._open.add(tap)
        try:
            yield tap
        finally:
            self._open.discard(tap)

    def pour(self, batch: Sequence[Recorded]) -> None:
        """Hand on what was folded; whoever lags too far behind is ended, not buffered for ever."""
        for tap in list(self._open):
            if tap.qsize() + len(batch) > LIMIT:
                self._end(tap)
            else:
                for event in batch:
                    tap.put_nowait(event)

    def end_all(self) -> None:
        """End every tap: somebody else may have folded what comes next."""
        for tap in list(self._open):
            self._end(tap)

    def _end(self, tap: Tap) -> None:
        self._open.discard(tap)
        tap.put_nowait(None)
