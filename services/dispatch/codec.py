"""The type strings of stored events.  Append only: what was written once is read for ever."""

from __future__ import annotations

from services.dispatch.domain import assignment, events, incident_ref
from services.runtime.codec import Codec
from services.runtime.decider import Decider

ASSIGNMENT_CODEC: Codec[events.Event] = Codec(
    {
        "AssignmentRequested.v1": events.AssignmentRequested,
        "AssignmentRefused.v1": events.AssignmentRefused,
        "UnitDispatched.v1": events.UnitDispatched,
        "AssignmentAcknowledged.v1": events.AssignmentAcknowledged,
        "AcknowledgementOverdue.v1": events.AcknowledgementOverdue,
        "UnitEnRoute.v1": events.UnitEnRoute,
        "UnitOnScene.v1": events.UnitOnScene,
        "AssignmentCleared.v1": events.AssignmentCleared,
        "AssignmentDeclined.v1": events.AssignmentDeclined,
        "AssignmentCancelled.v1": events.AssignmentCancelled,
    }
)
INCIDENT_REF_CODEC: Codec[incident_ref.Event] = Codec(
    {
        "IncidentNoted.v1": incident_ref.IncidentNoted,
        "IncidentEnded.v1": incident_ref.IncidentEnded,
        "IncidentResumed.v1": incident_ref.IncidentResumed,
    }
)

ASSIGNMENT: Decider[assignment.Command, assignment.State, events.Event] = Decider(
    category="assignment",
    initial=assignment.INITIAL,
    decide=assignment.decide,
    evolve=assignment.evolve,
    codec=ASSIGNMENT_CODEC,
)
INCIDENT_REF: Decider[incident_ref.Command, incident_ref.State, incident_ref.Event] = Decider(
    category="incident_ref",
    initial=incident_ref.INITIAL,
    decide=incident_ref.decide,
    evolve=incident_ref.evolve,
    codec=INCIDENT_REF_CODEC,
)
