"""What the world may know of how an incident hangs together with others."""

from __future__ import annotations

from google.protobuf.message import Message

from anlan.events.v1 import link_events_pb2 as events_pb
from services.command.domain.incident import links, merge, split
from services.runtime.times import to_proto


def of_link(event: links.Event | merge.Event | split.Event) -> Message | None:
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
