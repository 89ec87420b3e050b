"""An event as the store keeps it: payload still bytes, envelope readable."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

CONTINUES = "continues"
"""The metadata key of every event of an append but the last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """``position`` is the commit position in ``$all``; ``created_at`` is the store's own clock."""

    id: UUID
    type: str
    stream: str
    revision: int
    position: int
    created_at: datetime
    data: bytes
    metadata: Mapping[str, str]

    @property
    def continues(self) -> bool:
        """Whether the next event of its stream belongs to the same append."""
        return CONTINUES in self.metadata

    @property
    def category(self) -> str:
        return self.stream.partition("-")[0]

    @property
    def key(self) -> str:
        return self.stream.partition("-")[2]
