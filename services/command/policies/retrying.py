"""Acts of a policy on an incident that others change at the same time."""

from __future__ import annotations

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt

from services.command.policies.merging import MERGED
from services.runtime.rejection import Rejection

PASSING = {MERGED, "NEED_EXCEEDED"}
"""Refusals of what was true a moment ago: it is looked at again."""
TRIES = 5
"""More would be somebody who merges or enters something each time between look and answer."""


def looking_again() -> AsyncRetrying:
    """Return the attempts at an act; the refusal of the last, or one that will stay, is raised."""
    return AsyncRetrying(
        retry=retry_if_exception(_will_pass), stop=stop_after_attempt(TRIES), reraise=True
    )


def _will_pass(failure: BaseException) -> bool:
    return isinstance(failure, Rejection) and failure.reason in PASSING
