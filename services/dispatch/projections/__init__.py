"""Dispatch as rows: the board, incidents, needs, mutual aid, rebuilt by replaying from zero."""

from __future__ import annotations

from sqlalchemy import Connection

from services.dispatch.codec import (
    AID,
    ASSIGNMENT,
    INCIDENT_REF,
    NEED_REF,
    PLANNED_START,
    RECOMMENDATION,
    ROLL_CALL,
    RUN_CARD,
    WITHDRAWAL,
)
from services.dispatch.projections import (
    aid,
    assignments,
    incidents,
    needs,
    recommendations,
    roll_calls,
    run_cards,
    withdrawals,
)
from services.dispatch.projections.tables import TABLES
from services.runtime.readmodel import Projection
from services.runtime.recorded import Recorded

# A planned start makes no row of its own: the relay follows what the rows follow.
CATEGORIES = [
    decider.category
    for decider in (
        AID,
        ASSIGNMENT,
        INCIDENT_REF,
        NEED_REF,
        ROLL_CALL,
        RUN_CARD,
        RECOMMENDATION,
        WITHDRAWAL,
        PLANNED_START,
    )
]


def apply(connection: Connection, recorded: Recorded) -> None:
    match recorded.category:
        case AID.category:
            aid.apply(connection, recorded)
        case ASSIGNMENT.category:
            assignments.apply(connection, recorded)
        case INCIDENT_REF.category:
            incidents.apply(connection, recorded)
        case NEED_REF.category:
            needs.apply(connection, recorded)
        case ROLL_CALL.category:
            roll_calls.apply(connection, recorded)
        case RUN_CARD.category:
            run_cards.apply(connection, recorded)
        case RECOMMENDATION.category:
            recommendations.apply(connection, recorded)
        case WITHDRAWAL.category:
            withdrawals.apply(connection, recorded)


DISPATCH = Projection(name="dispatch.v9", categories=CATEGORIES, tables=TABLES, apply=apply)
