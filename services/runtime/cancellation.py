"""Cancellations that a library swallowed.

Until Python 3.12 `asyncio.wait_for`, which nats-py waits with, drops a cancellation that comes
together with the result; esdbclient ends its iterators as if nothing had happened.
"""

from __future__ import annotations

import asyncio


def cancelled() -> bool:
    """Whether somebody has asked the current task to end, heard or unheard."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def heed_cancellation() -> None:
    if cancelled():
        raise asyncio.CancelledError
