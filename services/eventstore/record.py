"""What is kept for one event, and the two revisions that mean something else."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

NO_STREAM = -1
"""The last revision of a stream that has no events."""

DELETED = 2**63 - 1
"""The revision of a tombstone, and the `$tb` of a soft delete."""

TICKS_PER_SECOND = 10_000_000
METADATA_TYPE = "$metadata"
TOMBSTONE_TYPE = "$streamDeleted"
LINK_TYPE = "$>"


class Proposed(NamedTuple):
    """An event that a client asks to append."""

    id: bytes
    type: str
    is_json: bool
    data: bytes
    metadata: bytes


@dataclass(slots=True)
class Record:
    """An event as stored; `position` is both its commit and its prepare position."""

    position: int
    stream: str
    revision: int
    id: bytes
    type: str
    is_json: int
    created: int
    """Ticks of 100 ns since the epoch."""
    data: bytes
    metadata: bytes


def metastream(stream: str) -> str:
    return f"$${stream}"


def is_metastream(stream: str) -> bool:
    return stream.startswith("$$")


def original_of(stream: str) -> str:
    return stream[2:]
