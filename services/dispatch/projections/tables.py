"""The tables of dispatch: the board, the incidents that units go to, what they need, mutual aid."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
)

TABLES = MetaData()
# The order of the board: whose life is in danger, who waits for an acknowledgement too long, who is
# out, what is to come, what is over.  A plan that came to nothing waits for an answer as well.
MAYDAY, OVERDUE, OPEN, PLANNED, CLOSED = range(5)

ASSIGNMENTS = Table(
    "assignment",
    TABLES,
    Column("assignment_id", String, primary_key=True),
    Column("incident_id", String, nullable=False, index=True),
    Column("incident_type", String, nullable=False, default=""),
    Column("unit_id", String, nullable=False, index=True),
    Column("unit_kind", String, nullable=False, default=""),
    Column("state", String, nullable=False),
    Column("rank", Integer, nullable=False),
    Column("overdue", Boolean, nullable=False),
    Column("mayday", Boolean, nullable=False),
    Column("asks", Boolean, nullable=False, default=False),
    Column("mayday_situation", Text, nullable=False, default=""),
    Column("mayday_by", String, nullable=False, default=""),
    Column("mayday_at", BigInteger),
    Column("destination", Text, nullable=False),
    Column("dispatched_by", String, nullable=False),
    Column("call_at", BigInteger),
    Column("first_answered_at", BigInteger),
    Column("rang_at", BigInteger),
    Column("answered_at", BigInteger),
    Column("dispatched_at", BigInteger),
    Column("acknowledged_at", BigInteger),
    Column("en_route_at", BigInteger),
    Column("staged_at", BigInteger),
    Column("on_scene_at", BigInteger),
    Column("initiating_action_at", BigInteger),
    Column("transporting_at", BigInteger),
    Column("at_destination_at", BigInteger),
    Column("transport_to", Text, nullable=False, default=""),
    Column("cleared_at", BigInteger),
    Column("withdrawn_at", BigInteger),
    Column("preplanned_at", BigInteger),
    Column("diverted_from", String, nullable=False, default=""),
    Column("diverted_to", String, nullable=False, default=""),
    Column("last_source", String, nullable=False, default=""),
    Column("last_recorded_at", BigInteger),
    Column("last_late", Boolean, nullable=False, default=False),
    Column("state_override_reason", Text, nullable=False, default=""),
    Column("crew_leader", String, nullable=False, default=""),
    Column("crew", Integer, nullable=False, default=0),
    Column("handed_over_at", BigInteger),
    Column("acknowledge_due_at", BigInteger),
    Column("close_reason", Text, nullable=False, default=""),
    Column("refusal_answer", Text, nullable=False, default=""),
    Column("override_reason", Text, nullable=False),
    Column("requested_at", BigInteger, nullable=False),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)
INCIDENTS = Table(
    "incident",
    TABLES,
    Column("incident_id", String, primary_key=True),
    Column("noted", Boolean, nullable=False),
    Column("is_open", Boolean, nullable=False),
    Column("replaced_by", String, nullable=False, default="", index=True),
    Column("place", Text, nullable=False),
    Column("type_code", String, nullable=False, default=""),
    Column("call_at", BigInteger),
    Column("version", Integer, nullable=False),
    Column("exercise", String, nullable=False),
    Column("position", BigInteger, nullable=False),
)
ROLL_CALLS = Table(
    "roll_call",
    TABLES,
    Column("roll_call_id", String, primary_key=True),
    Column("incident_id", String, nullable=False, index=True),
    Column("from_incident_id", String, nullable=False, default=""),
    Column("adcode", String, nullable=False),
    Column("state", String, nullable=False),
    Column("overdue", Boolean, nullable=False),
    Column("units", Text, nullable=False),
    Column("missing", Integer, nullable=False),
    Column("silent", Integer, nullable=False),
    Column("reason", Text, nullable=False),
    Column("started_by", String, nullable=False),
    Column("started_at", BigInteger, nullable=False),
    Column("due_at", BigInteger, nullable=False),
    Column("ended_at", BigInteger),
    Column("end_reason", Text, nullable=False, default=""),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)
WITHDRAWALS = Table(
    "withdrawal",
    TABLES,
    Column("withdrawal_id", String, primary_key=True),
    Column("incident_id", String, nullable=False, index=True),
)
NEEDS = Table(
    "need",
    TABLES,
    Column("incident_id", String, primary_key=True),
    Column("need_id", String, primary_key=True),
    Column("noted", Boolean, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("version", Integer, nullable=False),
    Column("category", String, nullable=False, default=""),
    Column("item", Text, nullable=False, default=""),
    Column("quantity", BigInteger, nullable=False, default=0),
    Column("unit", String, nullable=False, default=""),
    Column("adcode", String, nullable=False, default=""),
    Column("address", Text, nullable=False, default=""),
    Column("latitude", Float),
    Column("longitude", Float),
    Column("needed_by", BigInteger),
    Column("note", Text, nullable=False, default=""),
    Column("committed", BigInteger, nullable=False),
    Column("remaining", BigInteger, nullable=False),
    Column("raised_at", BigInteger),
    Column("opened_position", BigInteger, nullable=False),
    Column("exercise", String, nullable=False),
    Column("position", BigInteger, nullable=False),
)
AID = Table(
    "aid",
    TABLES,
    Column("aid_id", String, primary_key=True),
    Column("incident_id", String, nullable=False, index=True),
    Column("direction", String, nullable=False),
    Column("standing", String, nullable=False),
    Column("rank", Integer, nullable=False),
    # What rings next; absent when nothing does.
    Column("due_at", BigInteger),
    Column("place", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("created_by", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("reply_due_at", BigInteger),
    # The whole state, as the domain folds it.
    Column("folded", Text, nullable=False),
    Column("exercise", String, nullable=False),
    Column("opened_position", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("position", BigInteger, nullable=False, index=True),
)
# The authorities that an aid is the business of.
AID_PARTIES = Table(
    "aid_party",
    TABLES,
    Column("aid_id", String, primary_key=True),
    Column("adcode", String, primary_key=True),
)
Index("aid_due", AID.c.due_at)
Index("aid_board", AID.c.rank, AID.c.opened_position)
Index("need_open", NEEDS.c.ended, NEEDS.c.opened_position)
Index("need_by_position", NEEDS.c.position)
Index("assignment_board", ASSIGNMENTS.c.rank, ASSIGNMENTS.c.opened_position)
Index(
    "assignment_waiting",
    ASSIGNMENTS.c.state,
    ASSIGNMENTS.c.overdue,
    ASSIGNMENTS.c.acknowledge_due_at,
)
Index("assignment_planned", ASSIGNMENTS.c.state, ASSIGNMENTS.c.preplanned_at)
Index("roll_call_waiting", ROLL_CALLS.c.state, ROLL_CALLS.c.overdue, ROLL_CALLS.c.due_at)
Index("assignment_dispatched", ASSIGNMENTS.c.exercise, ASSIGNMENTS.c.dispatched_at)
