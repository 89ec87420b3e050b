"""The streams of this service in memory, with the read model folded after every event."""

from __future__ import annotations

from collections import defaultdict
from datetime import UTC, datetime, timedelta
from functools import reduce
from typing import Any
from uuid import UUID, uuid5

from sqlalchemy import Connection, create_engine

from services.resources.projections import apply
from services.resources.projections.tables import TABLES
from services.runtime.decider import Decider
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection

START = datetime(2026, 6, 1, 4, 15, tzinfo=UTC)
NAMESPACE = UUID(int=0)


class World:
    def __init__(self) -> None:
        self.engine = create_engine("sqlite://")
        self.connection: Connection = self.engine.connect()
        TABLES.create_all(self.connection)
        self.streams: dict[str, list[Any]] = defaultdict(list)
        self.log: list[Recorded] = []

    def state(self, decider: Decider[Any, Any, Any], key: str) -> Any:
        stream = self.streams[f"{decider.category}-{key}"]
        return reduce(decider.evolve, stream, decider.initial)

    def obey(self, decider: Decider[Any, Any, Any], key: str, command: Any) -> list[Recorded]:
        """Decide, and fold what was decided; raises the refusal."""
        new = list(decider.decide(command, self.state(decider, key)))
        return [self.happen(decider, key, event) for event in new]

    def attempt(
        self, decider: Decider[Any, Any, Any], key: str, command: Any
    ) -> tuple[list[Recorded], Rejection | None]:
        try:
            return self.obey(decider, key, command), None
        except Rejection as refusal:
            return [], refusal

    def happen(
        self, decider: Decider[Any, Any, Any], key: str, event: Any, exercise: str = ""
    ) -> Recorded:
        name = f"{decider.category}-{key}"
        type_, data = decider.codec.encode(event)
        position = len(self.log) + 1
        recorded = Recorded(
            id=uuid5(NAMESPACE, str(position)),
            type=type_,
            stream=name,
            revision=len(self.streams[name]),
            position=position,
            created_at=START + timedelta(seconds=position),
            data=data,
            metadata={"jurisdiction": "431281", "exercise": exercise, "$correlationId": "i1"},
        )
        self.streams[name].append(decider.codec.decode(type_, data))
        self.log.append(recorded)
        apply(self.connection, recorded)
        return recorded

    def close(self) -> None:
        self.connection.close()
        self.engine.dispose()
