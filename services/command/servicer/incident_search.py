"""Which incidents a filter leaves, as conditions on their rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sqlalchemy import ColumnElement, or_, select, union

from anlan.command.v1 import incident_service_pb2 as pb
from services.command.projections.incidents import INCIDENTS
from services.command.projections.reports import REPORTS
from services.command.projections.search import (
    INCIDENT_TEXTS,
    PEOPLE,
    REPORT_TEXTS,
    folded,
)
from services.command.servicer import messages
from services.runtime import reading
from services.runtime.times import known, micros

COLUMN = INCIDENTS.c


def conditions(wanted: pb.IncidentFilter) -> Iterator[ColumnElement[bool]]:
    """Yield what must hold of a row of ``INCIDENTS``; nothing for an empty filter."""
    if wanted.states:
        states = [messages.INCIDENT_STATE_OF[state] for state in wanted.states]
        yield COLUMN.state.in_(states)
    if wanted.type_codes:
        yield or_(*(reading.beginning(COLUMN.type_code, code) for code in wanted.type_codes))
    if wanted.grades:
        yield COLUMN.grade.in_([messages.GRADE_OF[grade] for grade in wanted.grades])
    if wanted.response_levels:
        yield COLUMN.level.in_([messages.LEVEL_OF[level] for level in wanted.response_levels])
    if wanted.adcode:
        yield reading.inside(COLUMN.adcode, wanted.adcode)
    if wanted.HasField("box"):
        yield COLUMN.latitude.between(wanted.box.south, wanted.box.north)
        yield COLUMN.longitude.between(wanted.box.west, wanted.box.east)
    if wanted.HasField("opened_from_time"):
        yield COLUMN.opened_at >= micros(known(wanted, "opened_from_time"))
    if wanted.HasField("opened_before_time"):
        yield COLUMN.opened_at < micros(known(wanted, "opened_before_time"))
    if wanted.person:
        met = select(PEOPLE.c.incident_id).where(PEOPLE.c.subject == wanted.person)
        yield COLUMN.incident_id.in_(met)
    yield from map(_says, folded(wanted.text).split())
    if wanted.scope == pb.IncidentFilter.SCOPE_EARNEST:
        yield COLUMN.exercise == ""
    elif wanted.scope == pb.IncidentFilter.SCOPE_EXERCISES:
        yield COLUMN.exercise != ""
    if wanted.exercise:
        yield COLUMN.exercise == wanted.exercise


def _says(word: str) -> ColumnElement[bool]:
    here = select(INCIDENT_TEXTS.c.incident_id).where(
        INCIDENT_TEXTS.c.text.contains(word, autoescape=True)
    )
    reported = (
        select(REPORTS.c.incident_id)
        .join(REPORT_TEXTS, REPORT_TEXTS.c.report_id == REPORTS.c.report_id)
        .where(REPORT_TEXTS.c.text.contains(word, autoescape=True))
    )
    found: Any = union(here, reported)
    return COLUMN.incident_id.in_(found)
