"""What followed from decisions: each event that was caused by one, directly or through others.

An event follows a decision that its metadata names as its cause (the decision's id on the same
incident, or an event of its life), that was recorded or approved by the same command before it, or
from which its own cause follows.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Connection, String, Table, bindparam, or_, select

from services.command.domain.incident import decider, decisions
from services.command.projections.shared import METADATA
from services.runtime.cause import CAUSATION, COMMAND
from services.runtime.handle import is_first_of_command
from services.runtime.recorded import Recorded
from services.runtime.times import micros

TRACES = Table(
    "decision_trace",
    METADATA,
    Column("trace", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("decided_on", String, primary_key=True),
    Column("decision_id", String, primary_key=True),
    sqlite_with_rowid=False,
)
"""By which causes an event is recognised as following from which decision."""
FOLLOWED = Table(
    "decision_consequence",
    METADATA,
    Column("decided_on", String, primary_key=True),  # the incident of the decision
    Column("decision_id", String, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("event_id", String, nullable=False, index=True),
    Column("type", String, nullable=False),
    Column("incident_id", String, nullable=False),
    Column("actor", String, nullable=False),
    Column("occurred_at", BigInteger, nullable=False),
    sqlite_with_rowid=False,
)
_FOLLOW, _TRACE = FOLLOWED.insert(), TRACES.insert()
_DECISIONS_OF = (  # built once: it runs for every event
    select(TRACES.c.decided_on, TRACES.c.decision_id)
    .where(
        or_(
            TRACES.c.trace == bindparam("cause"),
            TRACES.c.trace == bindparam("command"),
            TRACES.c.trace == bindparam("decision"),
        )
    )
    .distinct()
    .order_by(TRACES.c.decided_on, TRACES.c.decision_id)
)


def apply(connection: Connection, recorded: Recorded, event: decider.Event) -> None:
    cause = recorded.metadata.get(CAUSATION, "")
    command = recorded.metadata.get(COMMAND, "")
    own = (recorded.key, event.decision_id) if isinstance(event, decisions.Event) else None
    led: list[tuple[str, str]] = []
    if cause != command or not is_first_of_command(recorded):  # most events: nothing led to them
        known = {"cause": cause, "command": command, "decision": _named(recorded.key, cause)}
        led = [
            (decided_on, decision_id)
            for decided_on, decision_id in connection.execute(_DECISIONS_OF, known)
            if (decided_on, decision_id) != own
        ]
    if led:
        connection.execute(_FOLLOW, [_followed(recorded, event, *one) for one in led])
    traces = [(str(recorded.id), one) for one in led]
    if own is not None:
        marks = [str(recorded.id), _named(*own), *([command] if command else [])]
        traces += [(mark, own) for mark in marks]
    if traces:
        connection.execute(
            _TRACE,
            [
                {
                    "trace": trace,
                    "position": recorded.position,
                    "decided_on": decided_on,
                    "decision_id": decision_id,
                }
                for trace, (decided_on, decision_id) in traces
            ],
        )


def _named(incident_id: str, decision_id: str) -> str:
    return f"{incident_id}/{decision_id}"


def _followed(
    recorded: Recorded, event: decider.Event, decided_on: str, decision_id: str
) -> dict[str, object]:
    return {
        "decided_on": decided_on,
        "decision_id": decision_id,
        "position": recorded.position,
        "event_id": str(recorded.id),
        "type": recorded.type,
        "incident_id": recorded.key,
        "actor": recorded.metadata.get("actor", ""),
        "occurred_at": micros(event.occurred_at),
    }
