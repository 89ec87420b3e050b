"""The command post as rows: who commanded when, what was handed over, who held which role."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Column,
    ColumnElement,
    Connection,
    Index,
    String,
    Table,
    Text,
    delete,
    update,
)

from services.command.domain.incident import decider, organisation, post, transfer
from services.command.domain.incident.roles import MEMBER
from services.command.projections.shared import METADATA, json
from services.runtime.recorded import Recorded
from services.runtime.times import micros

TENURES = Table(
    "command_tenure",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("commander", String, nullable=False, index=True),
    Column("jurisdiction", String, nullable=False),
    Column("accession", String, nullable=False),
    Column("transfer_id", String, nullable=False, default=""),
    Column("reason", Text, nullable=False, default=""),
    Column("since", BigInteger, nullable=False),
)
TRANSFERS = Table(
    "command_transfer",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("transfer_id", String, nullable=False),
    Column("state", String, nullable=False),
    Column("outgoing", String, nullable=False),
    Column("incoming", String, nullable=False),
    Column("proposed_by", String, nullable=False),
    Column("reason", Text, nullable=False),
    Column("briefing", Text, nullable=False),
    Column("details", Text, nullable=False),
    Column("proposed_at", BigInteger, nullable=False),
    Column("acknowledged_at", BigInteger),
    Column("ended_at", BigInteger),
    Column("end_reason", Text, nullable=False, default=""),
    Column("effective_at", BigInteger),
)
HEADQUARTERS = Table(
    "headquarters",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("headquarters_id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("name", Text, nullable=False),
    Column("place", Text, nullable=False),
    Column("parent_id", String, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger),
    Column("position", BigInteger, nullable=False),
)
HOLDINGS = Table(
    "role_holding",
    METADATA,
    Column("incident_id", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("headquarters_id", String, nullable=False),  # empty: the incident's own command post
    Column("role", String, nullable=False),
    Column("title", Text, nullable=False),
    Column("agency", String, nullable=False, default=""),
    Column("subject", String, nullable=False),
    Column("since", BigInteger, nullable=False),
    Column("until", BigInteger),
)
Index("role_holding_by_subject", HOLDINGS.c.subject)


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    match event:
        case post.CommandEstablished() | transfer.CommandTransferred() | transfer.CommandTaken():
            _accede(connection, recorded, event)
        case transfer.TransferProposed():
            _end(connection, recorded.key, "displaced", micros(event.occurred_at))
            connection.execute(TRANSFERS.insert(), _proposed(recorded, event))
        case transfer.BriefingAcknowledged():
            connection.execute(
                update(TRANSFERS)
                .where(*_waiting(recorded.key))
                .values(state="acknowledged", acknowledged_at=micros(event.occurred_at))
            )
        case transfer.TransferDeclined():
            _end(connection, recorded.key, "declined", micros(event.occurred_at), event.reason)
        case transfer.TransferWithdrawn():
            _end(connection, recorded.key, "withdrawn", micros(event.occurred_at), event.reason)
        case organisation.HeadquartersEstablished():
            connection.execute(HEADQUARTERS.insert(), _established(recorded, event))
            connection.execute(HOLDINGS.insert(), _held(recorded, event))
        case organisation.HeadquartersClosed():
            _close(connection, event)
        case organisation.RoleAssigned() | organisation.UnifiedCommandJoined():
            connection.execute(HOLDINGS.insert(), _held(recorded, event))
        case organisation.RoleRelieved():
            column = HOLDINGS.c
            connection.execute(
                update(HOLDINGS)
                .where(
                    column.incident_id == event.incident_id,
                    column.headquarters_id == event.headquarters_id,
                    column.role == event.role,
                    column.subject == event.subject,
                    column.until.is_(None),
                )
                .values(until=micros(event.effective_at))
            )
        case organisation.UnifiedCommandLeft():
            column = HOLDINGS.c
            connection.execute(
                update(HOLDINGS)
                .where(
                    column.incident_id == event.incident_id,
                    column.agency == event.agency,
                    column.role == MEMBER,
                    column.until.is_(None),
                )
                .values(until=micros(event.effective_at))
            )
        case _:
            pass


def _accede(
    connection: Connection,
    recorded: Recorded,
    event: post.CommandEstablished | transfer.CommandTransferred | transfer.CommandTaken,
) -> None:
    """Begin a tenure; what was agreed for later than it is void."""
    since, accession, transfer_id, reason = micros(event.effective_at), "established", "", ""
    if isinstance(event, transfer.CommandTransferred):
        accession, transfer_id = "accepted", event.transfer_id
        _end(connection, recorded.key, "accepted", micros(event.occurred_at), effective_at=since)
    if isinstance(event, transfer.CommandTaken):
        accession, reason = "taken", event.reason
        _end(connection, recorded.key, "displaced", micros(event.occurred_at))
    connection.execute(
        delete(TENURES).where(TENURES.c.incident_id == recorded.key, TENURES.c.since > since)
    )
    connection.execute(
        TENURES.insert(),
        {
            "incident_id": recorded.key,
            "position": recorded.position,
            "commander": (
                event.commander if isinstance(event, post.CommandEstablished) else event.incoming
            ),
            "jurisdiction": event.jurisdiction,
            "accession": accession,
            "transfer_id": transfer_id,
            "reason": reason,
            "since": since,
        },
    )


def _waiting(incident_id: str) -> tuple[ColumnElement[bool], ...]:
    return TRANSFERS.c.incident_id == incident_id, TRANSFERS.c.ended_at.is_(None)


def _end(
    connection: Connection,
    incident_id: str,
    state: str,
    ended_at: int,
    end_reason: str = "",
    effective_at: int | None = None,
) -> None:
    """End the proposal that waits, if one does."""
    ended: dict[str, object] = {"state": state, "ended_at": ended_at, "end_reason": end_reason}
    if effective_at is not None:
        ended["effective_at"] = effective_at
    connection.execute(update(TRANSFERS).where(*_waiting(incident_id)).values(**ended))


def _proposed(recorded: Recorded, event: transfer.TransferProposed) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "position": recorded.position,
        "transfer_id": event.transfer_id,
        "state": "proposed",
        "outgoing": event.outgoing,
        "incoming": event.incoming,
        "proposed_by": event.proposed_by,
        "reason": event.reason,
        "briefing": event.briefing,
        "details": json(event.details),
        "proposed_at": micros(event.occurred_at),
        "effective_at": None if event.effective_at is None else micros(event.effective_at),
    }


def _established(
    recorded: Recorded, event: organisation.HeadquartersEstablished
) -> dict[str, object]:
    return {
        "incident_id": event.incident_id,
        "headquarters_id": event.headquarters_id,
        "kind": event.kind,
        "name": event.name,
        "place": event.place,
        "parent_id": event.parent_id,
        "since": micros(event.effective_at),
        "position": recorded.position,
    }


def _close(connection: Connection, event: organisation.HeadquartersClosed) -> None:
    for table in (HEADQUARTERS, HOLDINGS):
        connection.execute(
            update(table)
            .where(
                table.c.incident_id == event.incident_id,
                table.c.headquarters_id == event.headquarters_id,
                table.c.until.is_(None),
            )
            .values(until=micros(event.effective_at))
        )


def _held(
    recorded: Recorded,
    event: (
        organisation.HeadquartersEstablished
        | organisation.RoleAssigned
        | organisation.UnifiedCommandJoined
    ),
) -> dict[str, object]:
    held: dict[str, object] = {
        "incident_id": event.incident_id,
        "position": recorded.position,
        "since": micros(event.effective_at),
    }
    match event:
        case organisation.HeadquartersEstablished():
            return held | {
                "headquarters_id": event.headquarters_id,
                "role": event.head_role,
                "title": event.title,
                "agency": "",
                "subject": event.head,
            }
        case organisation.RoleAssigned():
            return held | {
                "headquarters_id": event.headquarters_id,
                "role": event.role,
                "title": event.title,
                "agency": "",
                "subject": event.subject,
            }
        case organisation.UnifiedCommandJoined():
            return held | {
                "headquarters_id": "",
                "role": MEMBER,
                "title": "",
                "agency": event.agency,
                "subject": event.member,
            }
