"""The append table once more, as plainly as it can be said, to hold the node against."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

DELETED = 2**63 - 1
Version = int | str
"""A revision, or "any", "exists", "no stream"."""


@dataclass
class ModelStream:
    events: list[tuple[UUID, int]] = field(default_factory=list)
    """Id and position, by revision."""
    metadata: list[dict[str, Any]] = field(default_factory=list)
    is_tombstoned: bool = False

    @property
    def last(self) -> int:
        return len(self.events) - 1

    @property
    def is_soft_deleted(self) -> bool:
        return bool(self.metadata) and self.metadata[-1].get("$tb") == DELETED

    def visible(self) -> list[int] | str:
        """Revisions that can be read, or why none can."""
        if self.is_tombstoned:
            return "deleted"
        if not self.events or self.is_soft_deleted:
            return "not found"
        settings = self.metadata[-1] if self.metadata else {}
        first = max(settings.get("$tb", 0), len(self.events) - settings.get("$maxCount", DELETED))
        return list(range(max(first, 0), len(self.events)))


class Model:
    """Answers as the node should: a position, or "wrong", "deleted", "not found"."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.streams: dict[str, ModelStream] = {}
        self.latest: dict[UUID, tuple[str, int]] = {}

    def stream(self, name: str) -> ModelStream:
        return self.streams.setdefault(name, ModelStream())

    def append(self, name: str, version: Version, ids: list[UUID]) -> int | str:
        stream = self.stream(name)
        if stream.is_tombstoned:
            return "deleted"
        if version == "exists" and stream.is_soft_deleted:
            return "deleted"
        if version == "exists" and not stream.events and not stream.metadata:
            return "wrong"
        if version in {"any", "exists"}:
            seen = [self.latest.get(i, ("", 0)) for i in ids]
            known = [where == name for where, _ in seen]
            if ids and all(known):
                return stream.events[seen[-1][1]][1]
            if ids and known[0]:
                return "wrong"
            return self._write(name, ids)
        expected = -1 if version == "no stream" else int(version)
        if expected == stream.last:
            return self._write(name, ids)
        if expected > stream.last or not ids:
            return "wrong"
        there = [i for i, _ in stream.events[expected + 1 : expected + 1 + len(ids)]]
        if there == ids:
            return stream.events[expected + len(ids)][1]
        if there[0] != ids[0] and version == "no stream" and stream.is_soft_deleted:
            return self._write(name, ids)
        return "wrong"

    def _write(self, name: str, ids: list[UUID]) -> int:
        stream = self.stream(name)
        if not ids:
            return self.position
        was_deleted, revived_from = stream.is_soft_deleted, len(stream.events)
        for event_id in ids:
            self.position += 1
            stream.events.append((event_id, self.position))
            self.latest[event_id] = (name, stream.last)
        answer = self.position
        if was_deleted:
            self._put_metadata(stream, {**stream.metadata[-1], "$tb": revived_from})
        return answer

    def _put_metadata(self, stream: ModelStream, metadata: dict[str, Any]) -> None:
        self.position += 1
        stream.metadata.append(metadata)

    def set_metadata(self, name: str, metadata: dict[str, Any]) -> str | None:
        stream = self.stream(name)
        if stream.is_tombstoned:
            return "deleted"
        was_deleted = stream.is_soft_deleted
        self._put_metadata(stream, metadata)
        if was_deleted:
            self._put_metadata(stream, {**metadata, "$tb": len(stream.events)})
        return None

    def _refused_deletion(self, stream: ModelStream, version: Version) -> str | None:
        if stream.is_tombstoned:
            return "deleted"
        missing = "not found" if not stream.events else "wrong"
        match version:
            case "any":
                return None
            case "exists":
                if stream.is_soft_deleted:
                    return "deleted"
                return None if stream.events or stream.metadata else missing
            case "no stream":
                return None if not stream.events or stream.is_soft_deleted else missing
            case revision:
                return None if revision == stream.last else missing

    def delete(self, name: str, version: Version) -> str | None:
        stream = self.stream(name)
        refused = self._refused_deletion(stream, version)
        if refused is None and not stream.events and not stream.metadata:
            refused = "not found"
        if refused is None:
            self._put_metadata(stream, {"$tb": DELETED})
        return refused

    def tombstone(self, name: str, version: Version) -> str | None:
        stream = self.stream(name)
        refused = self._refused_deletion(stream, version)
        if refused is None:
            self.position += 1
            stream.is_tombstoned = True
        return refused
