"""Between links as values or rows, and their messages."""

from __future__ import annotations

from typing import Any

from google.protobuf.message import Message

from anlan.command.v1 import link_service_pb2 as pb
from anlan.events.v1 import link_events_pb2 as events_pb
from services.command.domain.incident import links, merge, split
from services.command.projections.links import Relation
from services.command.servicer.messages import INCIDENT_STATES
from services.runtime.times import stamp, to_proto

KINDS = {
    Relation.PARENT: pb.LINK_KIND_PARENT,
    Relation.CHILD: pb.LINK_KIND_CHILD,
    Relation.RELATED: pb.LINK_KIND_RELATED,
    Relation.REPLACING: pb.LINK_KIND_REPLACING,
    Relation.REPLACED: pb.LINK_KIND_REPLACED,
    Relation.SPLIT_FROM: pb.LINK_KIND_SPLIT_FROM,
    Relation.SPLIT_INTO: pb.LINK_KIND_SPLIT_INTO,
}


def link(row: Any) -> pb.IncidentLink:
    """Return the message of a row of ``LINKS`` with the other's ``title`` and ``state``."""
    return pb.IncidentLink(
        other_incident_id=row.other_id,
        kind=KINDS[Relation(row.relation)],
        reason=row.reason,
        linked_by=row.linked_by,
        occur_time=stamp(row.occurred_at),
        other_title=row.title,
        other_state=INCIDENT_STATES[row.state],
        position=row.position,
    )


def public(event: links.Event | merge.Event | split.Event) -> Message | None:
    """Return what the world may know; what an incident took over it may ask for."""
    occurred = to_proto(event.occurred_at)
    match event:
        case merge.MergeBegun():
            return events_pb.MergeBegun(
                incident_id=event.incident_id, into_incident_id=event.into, occur_time=occurred
            )
        case merge.IncidentMerged():
            return events_pb.IncidentMerged(
                incident_id=event.incident_id,
                into_incident_id=event.into,
                reason=event.reason,
                occur_time=occurred,
            )
        case split.SplitBegun():
            return events_pb.SplitBegun(
                incident_id=event.incident_id,
                new_incident_id=event.new_incident_id,
                occur_time=occurred,
            )
        case split.IncidentSplit():
            return events_pb.IncidentSplit(
                incident_id=event.incident_id,
                new_incident_id=event.into,
                assignment_ids=event.assignments,
                reason=event.reason,
                occur_time=occurred,
            )
        case links.IncidentLinked():
            return events_pb.IncidentLinked(
                incident_id=event.incident_id,
                other_incident_id=event.other_id,
                parent=event.kind is links.Kind.PARENT,
                occur_time=occurred,
            )
        case links.IncidentUnlinked():
            return events_pb.IncidentUnlinked(
                incident_id=event.incident_id,
                other_incident_id=event.other_id,
                occur_time=occurred,
            )
        case merge.IncidentAbsorbed() | merge.MergeAbandoned() | split.IncidentSplitOff():
            return None
