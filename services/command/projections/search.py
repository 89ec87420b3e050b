"""By what incidents are found: the words of each, and the people who had to do with it.

Words are looked for as parts of lower-cased text, row by row: one way that every database knows.
It reads every text once, which a county's years of incidents allow; there is no index to keep.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable

from sqlalchemy import (
    BigInteger,
    Column,
    Connection,
    Index,
    String,
    Table,
    Text,
    bindparam,
    exists,
    select,
)

from services.command.domain import report
from services.command.domain.incident import (
    decider,
    decisions,
    lifecycle,
    merge,
    organisation,
    post,
    split,
    tasks,
    transfer,
)
from services.command.projections.shared import METADATA
from services.runtime.recorded import Recorded

SERVICE_ROLE = "service"

INCIDENT_TEXTS = Table(
    "incident_text",
    METADATA,
    Column("position", BigInteger, primary_key=True),  # of the event that said it
    Column("incident_id", String, nullable=False, index=True),
    Column("text", Text, nullable=False),
    sqlite_with_rowid=False,
)
REPORT_TEXTS = Table(
    "report_text",
    METADATA,
    Column("report_id", String, primary_key=True),
    Column("text", Text, nullable=False),
)
PEOPLE = Table(
    "incident_person",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("subject", String, primary_key=True),
    sqlite_with_rowid=False,
)
Index("incident_by_person", PEOPLE.c.subject, PEOPLE.c.incident_id)

ABOUT, WHO = bindparam("about", type_=String), bindparam("who", type_=String)
# Built once each: building a statement costs more than running it.
SAY = INCIDENT_TEXTS.insert()
MET = PEOPLE.insert().from_select(
    ["incident_id", "subject"],
    select(ABOUT, WHO).where(
        ~exists().where(PEOPLE.c.incident_id == ABOUT, PEOPLE.c.subject == WHO)
    ),
)


def folded(text: str) -> str:
    """Return the text without differences of case and of width."""
    return unicodedata.normalize("NFKC", text).casefold()


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    if said := _said(event):
        connection.execute(
            SAY,
            {
                "position": recorded.position,
                "incident_id": event.incident_id,
                "text": folded("\n".join(said)),
            },
        )
    people = {*_named(event)}
    if recorded.metadata.get("role") != SERVICE_ROLE:
        people.add(recorded.metadata.get("actor", ""))
    if met := [{"about": event.incident_id, "who": who} for who in sorted(people - {""})]:
        connection.execute(MET, met)


def apply_report(connection: Connection, event: report.Event) -> None:
    if isinstance(event, report.ReportSubmitted):
        said = folded(f"{event.report_id}\n{event.place.address}\n{event.text}")
        connection.execute(REPORT_TEXTS.insert(), {"report_id": event.report_id, "text": said})


def _said(event: decider.Event) -> tuple[str, ...]:
    match event:
        case lifecycle.IncidentOpened():
            return (event.incident_id, event.title, event.place.address)
        case decisions.DecisionRecorded():
            return (event.decision_id, event.subject, event.text)
        case _:
            return ()


def _named(event: decider.Event) -> Iterable[str]:
    """Return whom an event names beside its actor, as commanding or having something to do."""
    match event:
        case post.CommandEstablished():
            return (event.commander,)
        case transfer.CommandTransferred() | transfer.CommandTaken():
            return (event.incoming,)
        case organisation.HeadquartersEstablished():
            return (event.head,)
        case organisation.RoleAssigned():
            return (event.subject,)
        case organisation.UnifiedCommandJoined():
            return (event.member,)
        case tasks.TaskAssigned() | tasks.TaskReassigned():
            return (event.assignee,)
        case tasks.TaskAccepted():
            return (event.accepted_by,)
        case merge.IncidentAbsorbed() | split.IncidentSplitOff():
            return [
                subject
                for task in event.tasks.values()
                for subject in (task.asked.assignee, task.answerable)
            ]
        case _:
            return ()
