"""Reports and incidents as rows, a module per concern."""

from __future__ import annotations

from sqlalchemy import Connection

from services.command.codec import EXERCISE_CODEC, INCIDENT_CODEC, PLAN_CODEC, REPORT_CODEC
from services.command.projections import (
    command_post,
    consequences,
    deadlines,
    decisions,
    exercises,
    figures,
    grading,
    incidents,
    links,
    needs,
    objectives,
    plans,
    reports,
    responses,
    search,
    series,
    tasks,
)
from services.command.projections.shared import METADATA
from services.runtime.readmodel import Projection
from services.runtime.recorded import Recorded

CONCERNS = (
    incidents,
    command_post,
    figures,
    grading,
    consequences,
    decisions,
    series,
    objectives,
    tasks,
    needs,
    links,
    responses,
    deadlines,
    search,
)


def apply(connection: Connection, recorded: Recorded) -> None:
    """Fold one event into the rows."""
    type_, data = recorded.type, recorded.data
    match recorded.category:
        case "incident":
            event = INCIDENT_CODEC.decode(type_, data)
            for concern in CONCERNS:
                concern.apply(connection, recorded, event)
        case "report":
            said = REPORT_CODEC.decode(type_, data)
            reports.apply(connection, recorded, said)
            search.apply_report(connection, said)
        case "exercise":
            exercises.apply(connection, recorded, EXERCISE_CODEC.decode(type_, data))
        case "plan":
            plans.apply(connection, recorded, PLAN_CODEC.decode(type_, data))


COMMAND = Projection(
    name="command.v5",
    categories=("report", "incident", "exercise", "plan"),
    tables=METADATA,
    apply=apply,
)
