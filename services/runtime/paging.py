"""Pages of a list: a token is the sort key of the last row that was shown."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from typing import Any

import msgspec

from services.runtime.rejection import Invalid

DEFAULT_SIZE = 50
LARGEST = (1 << 63) - 1  # what a database takes


def limit(page_size: int, default: int = DEFAULT_SIZE) -> int:
    return page_size or default


def token(*key: str | int) -> str:
    """Return the token of the page after the row with this sort key."""
    return base64.urlsafe_b64encode(msgspec.json.encode(key)).decode().rstrip("=")


def key(page_token: str, types: Sequence[type]) -> tuple[Any, ...] | None:
    """Return the sort key in a token, None for the first page.  Raises Invalid."""
    if not page_token:
        return None
    try:
        raw = base64.urlsafe_b64decode(page_token + "=" * (-len(page_token) % 4))
        found = msgspec.json.decode(raw)
    except (binascii.Error, msgspec.DecodeError, ValueError):
        found = None
    alike = isinstance(found, list) and [type(part) for part in found] == list(types)
    if alike and all(abs(part) <= LARGEST for part in found if isinstance(part, int)):
        return tuple(found)
    raise Invalid(
        "PAGE_TOKEN_INVALID",
        field="page_token",
        got=page_token[:80],
        allowed="the next_page_token of an earlier answer to the same list",
    )
