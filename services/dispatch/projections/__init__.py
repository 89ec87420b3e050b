"""Dispatch as rows: the board, the incidents, their needs, rebuilt by replaying from zero."""

from __future__ import annotations

from sqlalchemy import Connection

from services.dispatch.codec import ASSIGNMENT, INCIDENT_REF, NEED_REF
from services.dispatch.projections import assignments, incidents, needs
from services.dispatch.projections.tables import TABLES
from services.runtime.readmodel import Projection
from services.runtime.recorded import Recorded

CATEGORIES = [decider.category for decider in (ASSIGNMENT, INCIDENT_REF, NEED_REF)]


def apply(connection: Connection, recorded: Recorded) -> None:
    match recorded.category:
        case ASSIGNMENT.category:
            assignments.apply(connection, recorded)
        case INCIDENT_REF.category:
            incidents.apply(connection, recorded)
        case NEED_REF.category:
            needs.apply(connection, recorded)


DISPATCH = Projection(name="dispatch.v2", categories=CATEGORIES, tables=TABLES, apply=apply)
