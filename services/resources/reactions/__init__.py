"""Whenever supplies or shelter is needed resources list it, until it is met or called off."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from anlan.command.v1 import need_service_pb2 as need_pb
from anlan.events.v1 import need_events_pb2 as pb
from services.resources.domain import need_ref
from services.resources.domain.need_ref import Category, Ending
from services.runtime import place
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler
from services.runtime.recorded import Recorded
from services.runtime.times import from_proto

SUBJECTS = [
    "anlan.*.incident.NeedRaised.>",
    "anlan.*.incident.NeedProgressed.>",
    "anlan.*.incident.NeedMet.>",
    "anlan.*.incident.NeedCancelled.>",
    "anlan.*.incident.NeedsTakenOver.>",
]
CATEGORIES = {
    need_pb.NEED_CATEGORY_SUPPLIES: Category.SUPPLIES,
    need_pb.NEED_CATEGORY_SHELTER: Category.SHELTER,
}

NeedRefs = CommandHandler[need_ref.Command, need_ref.State, need_ref.Event]


def key(incident_id: str, need_id: str) -> str:
    """Return the key of a need: unlike a need's id, an incident's holds no full stop."""
    return f"{incident_id}.{need_id}"


@dataclass(frozen=True, slots=True)
class Needs:
    refs: NeedRefs

    async def on_event(self, event: Recorded) -> None:
        for command in noted(event):
            about = key(command.incident_id, command.need_id)
            cause = Cause.reaction(event, f"resources.on_need.{about}")
            await self.refs.handle(about, command, cause)


def noted(event: Recorded) -> Iterator[need_ref.Command]:
    """Yield what resources notes of a public event; nothing of needs that others meet."""
    match event.type:
        case "anlan.events.v1.NeedRaised":
            raised = pb.NeedRaised.FromString(event.data)
            if raised.category in CATEGORIES:
                yield _note(raised, 0, raised.quantity, event.revision)
        case "anlan.events.v1.NeedProgressed":
            progressed = pb.NeedProgressed.FromString(event.data)
            if progressed.category in CATEGORIES:
                yield need_ref.CountNeed(
                    incident_id=progressed.incident_id,
                    need_id=progressed.need_id,
                    committed=progressed.committed,
                    remaining=progressed.remaining,
                    version=event.revision,
                    occurred_at=from_proto(progressed.occur_time),
                )
        case "anlan.events.v1.NeedMet":
            met = pb.NeedMet.FromString(event.data)
            if met.category in CATEGORIES:
                yield _end(met, Ending.MET)
        case "anlan.events.v1.NeedCancelled":
            cancelled = pb.NeedCancelled.FromString(event.data)
            if cancelled.category in CATEGORIES:
                yield _end(cancelled, Ending.CANCELLED)
        case "anlan.events.v1.NeedsTakenOver":
            yield from _moved(pb.NeedsTakenOver.FromString(event.data), event.revision)


def _moved(taken_over: pb.NeedsTakenOver, version: int) -> Iterator[need_ref.Command]:
    for moved in taken_over.needs:
        if moved.need.category in CATEGORIES:
            yield need_ref.EndNeed(
                incident_id=taken_over.source_incident_id,
                need_id=moved.source_need_id,
                ending=Ending.MOVED,
                occurred_at=from_proto(taken_over.occur_time),
            )
            yield _note(moved.need, moved.committed, moved.remaining, version)


def _end(message: pb.NeedMet | pb.NeedCancelled, ending: Ending) -> need_ref.EndNeed:
    return need_ref.EndNeed(
        incident_id=message.incident_id,
        need_id=message.need_id,
        ending=ending,
        occurred_at=from_proto(message.occur_time),
    )


def _note(
    message: pb.NeedRaised, committed: int, remaining: int, version: int
) -> need_ref.NoteNeed:
    needed = message.HasField("needed_by_time")
    return need_ref.NoteNeed(
        incident_id=message.incident_id,
        need_id=message.need_id,
        category=CATEGORIES[message.category],
        item=message.item,
        quantity=message.quantity,
        unit=message.unit,
        place=place.read(message.place),
        needed_by=from_proto(message.needed_by_time) if needed else None,
        note=message.note,
        committed=committed,
        remaining=remaining,
        version=version,
        occurred_at=from_proto(message.occur_time),
    )
