"""Whenever people get a bed, or supplies, the relief clock of their village counts it.

A village's facts count for its township too, so that a clock may run for either.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID, uuid5

from sqlalchemy import Connection, select

from anlan.events.v1 import shelter_events_pb2 as shelter_pb
from anlan.events.v1 import stock_events_pb2 as stock_pb
from services.resources.domain import relief
from services.resources.domain.relief import Basis, Need, Rules
from services.resources.projections.tables import exercise_times, reliefs
from services.runtime.actor import NATION, Actor
from services.runtime.alarm import Due, first_due
from services.runtime.cause import Cause
from services.runtime.handle import CommandHandler, Written
from services.runtime.readmodel import ReadModel
from services.runtime.recorded import Recorded
from services.runtime.rejection import Rejection
from services.runtime.settlement import Delivered
from services.runtime.times import from_proto, of_micros

SUBJECTS = ["anlan.*.shelter.PeopleAdmitted.>", "anlan.*.stock.StockConsumed.>"]
CLOCK = Actor(subject="service:resources", roles=("service",), jurisdiction=NATION)
TOWNSHIP, VILLAGE = 9, 12

Reliefs = CommandHandler[relief.Command, relief.State, relief.Event]


def key(incident_id: str, adcode: str) -> str:
    return f"{incident_id}.{adcode}"


@dataclass(frozen=True, slots=True)
class Relieving:
    reliefs: Reliefs
    rules: Rules

    async def react(self, delivered: Delivered) -> None:
        event = delivered.event
        for command in counted(event, self.rules):
            cause = Cause.reaction(event, f"resources.on_relief.{command.adcode}")
            about = key(command.incident_id, command.adcode)
            await self.reliefs.handle(about, command, cause.about(command.incident_id))


def counted(event: Recorded, rules: Rules) -> Iterator[relief.CountRelief]:
    """Yield what a public event counts for: nothing where village or incident is unsaid."""
    match event.type:
        case "anlan.events.v1.PeopleAdmitted":
            admitted = shelter_pb.PeopleAdmitted.FromString(event.data)
            for adcode in _reached(admitted.incident_id, admitted.from_adcode):
                yield relief.CountRelief(
                    incident_id=admitted.incident_id,
                    adcode=adcode,
                    need=Need.BED,
                    people=admitted.household_people,
                    basis=Basis.ADMISSION,
                    reference=admitted.group_id,
                    source=admitted.shelter_id,
                    note="",
                    occurred_at=from_proto(admitted.occur_time),
                )
        case "anlan.events.v1.StockConsumed":
            consumed = stock_pb.StockConsumed.FromString(event.data)
            serving = rules.serves.get(consumed.relief)
            if serving is None:
                return
            for adcode in _reached(consumed.incident_id, consumed.adcode):
                yield relief.CountRelief(
                    incident_id=consumed.incident_id,
                    adcode=adcode,
                    need=serving.need,
                    people=consumed.quantity * serving.people_per.get(consumed.unit, 1),
                    basis=Basis.CONSUMPTION,
                    reference=str(event.id),
                    source=consumed.depot_id,
                    note=f"{consumed.item} {consumed.quantity} {consumed.unit}",
                    occurred_at=from_proto(consumed.occur_time),
                )


def _reached(incident_id: str, adcode: str) -> Iterator[str]:
    if incident_id and len(adcode) >= TOWNSHIP:
        yield adcode
    if incident_id and len(adcode) == VILLAGE:
        yield adcode[:TOWNSHIP]


@dataclass(frozen=True, slots=True)
class ReliefClock:
    reliefs: Reliefs
    model: ReadModel

    def next_due(self, connection: Connection) -> Due | None:
        """Return the next mark to ring; in an exercise its own time says which have come."""
        column = reliefs.c
        return first_due(
            connection,
            exercise_times,
            column.mark_at,
            column.exercise,
            column.incident_id,
            column.adcode,
            column.mark,
        )

    async def ring(self, about: str, _: datetime) -> Written:
        """Warn, or record the miss, in the story and the exercise of the incident."""
        incident_id, adcode, mark = about.split("/")
        column = reliefs.c
        query = select(column.mark, column.mark_at, column.cause_id, column.exercise).where(
            column.incident_id == incident_id, column.adcode == adcode
        )
        async with self.model.read() as (connection, _seen):
            row = (await connection.execute(query)).one()
        mark_at = of_micros(row.mark_at)
        if str(row.mark) != mark or mark_at is None:
            raise Rejection("ALARM_ANSWERED", "there is no such alarm any more")
        cause = Cause(
            command_id=uuid5(UUID(row.cause_id), f"resources.on_relief_mark.{mark}"),
            causation_id=row.cause_id,
            correlation_id=incident_id,
            actor=CLOCK,
            exercise=row.exercise,
        )
        command = relief.RingRelief(
            incident_id=incident_id, adcode=adcode, percent=row.mark, occurred_at=mark_at
        )
        return await self.reliefs.handle(key(incident_id, adcode), command, cause)
