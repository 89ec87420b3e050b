"""Decisions as rows: what each rests on, what followed from it, and how it stands."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
import pytest
from sqlalchemy import Connection, create_engine, select

from services.command.codec import INCIDENT_CODEC
from services.command.domain.incident import decider
from services.command.domain.incident.decision_classes import Step
from services.command.domain.incident.decisions import Basis, BasisKind, Standing
from services.command.projections import consequences, decisions
from services.command.projections.consequences import FOLLOWED
from services.command.projections.decisions import DECISIONS
from services.command.projections.shared import METADATA
from services.runtime.cause import CAUSATION, COMMAND
from services.runtime.recorded import Recorded
from tests.command import decided
from tests.command import incidents as known

TAKEN = replace(
    decided.proposed,
    steps=(decided.RISK,),
    open_steps=(Step.LEGALITY_REVIEW,),
    urgent="坡体随时可能下滑",
    complete_by=known.NOW + timedelta(hours=48),
    standing=Standing.EFFECTIVE,
)


@dataclass
class Rows:
    """Folds events one by one, each with the cause and the command that it is said to have."""

    connection: Connection
    last: int = 0

    def add(self, event: decider.Event, cause: str = "", command: str = "") -> UUID:
        self.last += 1
        type_, data = INCIDENT_CODEC.encode(event)
        request = str(uuid5(NAMESPACE_URL, command or f"request {self.last}"))
        recorded = Recorded(
            id=uuid5(NAMESPACE_URL, str(self.last)),
            type=type_,
            stream=f"incident-{event.incident_id}",
            revision=self.last,
            position=self.last * 10,
            created_at=known.NOW,
            data=data,
            metadata={
                "actor": "commander.li",
                CAUSATION: cause or request,
                COMMAND: request,
            },
        )
        consequences.apply(self.connection, recorded, event)
        decisions.apply(self.connection, recorded, event)
        return recorded.id

    def decision(self, decision_id: str = "d2") -> Any:
        return self.connection.execute(
            select(DECISIONS).where(DECISIONS.c.decision_id == decision_id)
        ).one()

    def followed(self, decision_id: str = "d2") -> list[tuple[int, str]]:
        return [
            (row.position, row.type.partition(".")[0])
            for row in self.connection.execute(
                select(FOLLOWED)
                .where(FOLLOWED.c.decided_on == "i1")
                .where(FOLLOWED.c.decision_id == decision_id)
                .order_by(FOLLOWED.c.position)
            )
        ]


@pytest.fixture
def rows() -> Iterator[Rows]:
    engine = create_engine("sqlite://")
    METADATA.create_all(engine)
    with engine.begin() as connection:
        yield Rows(connection)
    engine.dispose()


def test_each_thing_that_a_decision_rests_on_is_found_in_the_log(rows: Rows) -> None:
    basis = (
        Basis(kind=BasisKind.REPORT, reference="r2", text=""),
        Basis(kind=BasisKind.FACT, reference="r2.trapped", text=""),
        Basis(kind=BasisKind.FACT, reference="r2.trapped", text="", position=25),
        Basis(kind=BasisKind.DECISION, reference="d1", text=""),
        Basis(kind=BasisKind.READING, reference="r2", text="水尺"),
        Basis(kind=BasisKind.READING, reference="水尺", text="", position=7),
    )
    for event in (known.opened, known.attached, decided.recorded):
        rows.add(event)
    rows.add(replace(decided.proposed, basis=basis))

    found = msgspec.json.decode(rows.decision().basis, type=list[decisions.BasisRow])

    assert [(row.position, row.on_record) for row in found] == [
        (20, True),
        (20, True),
        (25, True),
        (30, True),
        (0, False),
        (7, False),
    ]


def test_a_row_tells_how_its_decision_stands(rows: Rows) -> None:
    rows.add(known.opened)
    rows.add(TAKEN)
    assert (rows.decision().standing, rows.decision().flagged) == ("effective", True)

    rows.add(decided.completed)
    assert (rows.decision().open_steps, rows.decision().flagged) == ("[]", True)
    rows.add(decided.approved)
    approved = rows.decision()
    assert (approved.approved_by, approved.flagged) == ("mayor.zhang", False)
    rows.add(decided.dissented)
    rows.add(decided.revoked)

    row = rows.decision()
    assert (row.standing, row.revoked_by, row.changed_position) == ("revoked", "d3", 60)
    assert msgspec.json.decode(row.dissents)[0]["dissenter"] == "chen"
    assert [done["step"] for done in msgspec.json.decode(row.steps)] == [
        "risk_assessment",
        "legality_review",
    ]


def test_what_was_rejected_before_it_held_lacks_nothing_more(rows: Rows) -> None:
    rows.add(known.opened)
    rows.add(replace(TAKEN, standing=Standing.PROPOSED))
    rows.add(decided.rejected)
    assert not rows.decision().flagged

    rows.add(replace(TAKEN, decision_id="d5"))
    rows.add(replace(decided.rejected, decision_id="d5", was_effective=True))
    assert rows.decision("d5").flagged


def test_what_names_a_decision_as_its_cause_follows_it(rows: Rows) -> None:
    rows.add(known.opened)
    event_id = rows.add(decided.proposed)
    rows.add(known.established)
    by_event = rows.add(known.activated, cause=str(event_id))
    rows.add(known.graded, cause="d2")
    rows.add(known.raised, cause=str(by_event))

    assert rows.followed() == [
        (40, "ResponseActivated"),
        (50, "IncidentGraded"),
        (60, "ResponseLevelChanged"),
    ]


def test_what_the_same_command_entails_follows_it_but_its_own_life_does_not(rows: Rows) -> None:
    rows.add(known.opened, command="x")
    rows.add(known.established, command="x")
    rows.add(decided.proposed, command="x")
    rows.add(known.activated, command="x")
    rows.add(decided.approved, cause="d2", command="y")
    rows.add(known.raised, command="y")
    rows.add(decided.dissented, cause="d2")

    assert [position for position, _ in rows.followed()] == [40, 60]


def test_a_revocation_follows_from_the_revoking_decision(rows: Rows) -> None:
    revoking = replace(decided.proposed, decision_id="d3", revokes="d2")
    rows.add(known.opened)
    rows.add(decided.proposed)
    rows.add(revoking, cause="d2")
    rows.add(replace(decided.approved, decision_id="d3"), command="y")
    rows.add(decided.revoked, command="y")

    assert rows.followed("d2") == [(30, "DecisionRecorded")]
    assert rows.followed("d3") == [(50, "DecisionRevoked")]


def test_a_decisions_id_is_a_cause_on_its_own_incident_only(rows: Rows) -> None:
    rows.add(known.opened)
    event_id = rows.add(decided.proposed)
    rows.add(replace(known.graded, incident_id="i2"), cause="d2")
    rows.add(replace(known.activated, incident_id="i2"), cause=str(event_id))

    assert [position for position, _ in rows.followed()] == [40]
