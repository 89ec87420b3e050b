"""Between links as values or rows, and their messages."""

from __future__ import annotations

from typing import Any

from anlan.command.v1 import link_service_pb2 as pb
from services.command.projections.links import Relation
from services.command.servicer.messages import INCIDENT_STATES
from services.runtime.times import stamp

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
