"""Who asked, in answer to what, and within which story."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID, uuid5

from services.runtime.actor import Actor
from services.runtime.recorded import Recorded

CORRELATION, CAUSATION, COMMAND = "$correlationId", "$causationId", "command_id"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """What every event of one command has in common.

    ``command_id`` makes a retry recognisable.  ``causation_id`` is the request or the event that
    led to the command, ``correlation_id`` the story (an incident) that it belongs to.
    ``exercise`` is the drill's id, or empty in earnest.
    """

    command_id: UUID
    causation_id: str
    correlation_id: str
    actor: Actor
    exercise: str = ""
    traceparent: str = ""

    def metadata(self) -> dict[str, str]:
        """Return what is stored beside each event; keys with a dollar are EventStoreDB's own."""
        written = {
            CORRELATION: self.correlation_id,
            CAUSATION: self.causation_id,
            COMMAND: str(self.command_id),
            "actor": self.actor.subject,
            "role": ",".join(self.actor.roles),
            "jurisdiction": self.actor.jurisdiction,
            "exercise": self.exercise,
            "traceparent": self.traceparent,
        }
        return {key: value for key, value in written.items() if value}

    def about(self, correlation_id: str) -> Cause:
        """Return the same cause within another story."""
        return replace(self, correlation_id=correlation_id)

    def step(self, name: str, causation_id: str | None = None) -> Cause:
        """Return the cause of a further command that this one entails; ``name`` is unique to it."""
        return replace(
            self,
            command_id=uuid5(self.command_id, name),
            causation_id=causation_id or self.causation_id,
        )

    @classmethod
    def resumed(cls, event: Recorded) -> Cause:
        """Return the cause of the command that wrote ``event``, to finish what it began."""
        return replace(
            cls.reaction(event, ""),
            command_id=UUID(event.metadata[COMMAND]),
            causation_id=event.metadata.get(CAUSATION, ""),
        )

    @classmethod
    def reaction(cls, event: Recorded, policy: str) -> Cause:
        """Return the cause of what ``policy`` does about ``event``: the same at each delivery."""
        metadata = event.metadata
        return cls(
            command_id=uuid5(event.id, policy),
            causation_id=str(event.id),
            correlation_id=metadata.get(CORRELATION, ""),
            actor=Actor(
                subject=metadata.get("actor", ""),
                roles=tuple(metadata.get("role", "").split(",")),
                jurisdiction=metadata.get("jurisdiction", ""),
            ),
            exercise=metadata.get("exercise", ""),
            traceparent=metadata.get("traceparent", ""),
        )
