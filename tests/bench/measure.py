"""Rows of the table, and percentiles."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """``ratio`` is measured ÷ floor, of times as of rates; ``met`` is None where no goal is set."""

    path: str
    measured: str
    floor: str
    ratio: float
    goal: str = "none set"
    met: bool | None = None

    def saved(self) -> dict[str, Any]:
        return asdict(self)


def percentile(seconds: Sequence[float], share: float) -> float:
    ordered = sorted(seconds)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def ms(seconds: float) -> str:
    return f"{seconds * 1e3:.2f} ms"


async def timed(count: int, call: Callable[[], Awaitable[Any]]) -> list[float]:
    """Return the seconds of each of ``count`` calls, one after the other."""
    seconds = []
    for _ in range(count):
        started = time.perf_counter()
        await call()
        seconds.append(time.perf_counter() - started)
    return seconds
